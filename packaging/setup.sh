# Sets the program up: Python, virtual environment, packages, system libraries for the window.
# Meant to be sourced by start.sh and test.sh:  setup_all "<extras>" "<more apt packages>"
# Settings: FGVC_VENV (folder of the virtual environment; default .venv), FGVC_PYTHON (interpreter).
# Safe to run again; quick when nothing changed.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${FGVC_VENV:-$ROOT/.venv}"

# Libraries that Qt opens at run time, by file name, and the Debian packages that hold them.
QT_BASE="libEGL.so.1:libegl1 libGL.so.1:libgl1 libglib-2.0.so.0:libglib2.0-0 libfontconfig.so.1:libfontconfig1
libfreetype.so.6:libfreetype6 libdbus-1.so.3:libdbus-1-3 libxkbcommon.so.0:libxkbcommon0"
QT_WINDOW="libxkbcommon-x11.so.0:libxkbcommon-x11-0 libX11-xcb.so.1:libx11-xcb1 libxcb-cursor.so.0:libxcb-cursor0
libxcb-icccm.so.4:libxcb-icccm4 libxcb-image.so.0:libxcb-image0 libxcb-keysyms.so.1:libxcb-keysyms1
libxcb-randr.so.0:libxcb-randr0 libxcb-render-util.so.0:libxcb-render-util0 libxcb-render.so.0:libxcb-render0
libxcb-shape.so.0:libxcb-shape0 libxcb-shm.so.0:libxcb-shm0 libxcb-sync.so.1:libxcb-sync1
libxcb-xfixes.so.0:libxcb-xfixes0 libxcb-xkb.so.1:libxcb-xkb1"

say() { printf '%s\n' "fgvc-studio: $*"; }
fail() { printf '%s\n' "fgvc-studio: $*" >&2; exit 1; }

# The words in front of apt-get, or failure when we may not install: "" for root, "sudo -n" with passwordless sudo.
apt_prefix() {
  command -v apt-get >/dev/null 2>&1 || return 1
  if [ "$(id -u)" = 0 ]; then return 0; fi
  command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1 && printf 'sudo -n'
}

# Installs Debian packages if we may; returns 1 and prints the line to type if not.
apt_install() {
  local prefix
  if prefix="$(apt_prefix)"; then
    say "installing $*"
    { $prefix apt-get update -qq && $prefix env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null && return 0
    say "apt-get did not succeed."
  fi
  say "please run:  sudo apt-get install -y --no-install-recommends $*"
  return 1
}

find_python() {
  local candidate
  for candidate in "${FGVC_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# Names of the libraries from a list that the system lacks, as Debian packages.
missing_packages() {
  local known entry
  known="$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null)"
  for entry in $1; do
    case "$known" in
      *"${entry%%:*} "*) ;;
      *) printf '%s ' "${entry##*:}" ;;
    esac
  done
}

ensure_python() {
  PYTHON="$(find_python)" || {
    apt_install python3 python3-venv || fail "Python 3.11 or newer is needed."
    PYTHON="$(find_python)" || fail "Python 3.11 or newer is needed; this system offers an older one."
  }
  if ! "$PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    local version
    version="$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    apt_install "python$version-venv" || fail "Python's venv module is needed for the setup."
  fi
}

# The environment with our packages; the stamp tells when nothing has changed since.
ensure_packages() {
  local extras="$1" stamp want
  want="$({ cat "$ROOT/pyproject.toml"; "$PYTHON" -VV; printf '%s\n' "$ROOT" "$VENV"; } | sha256sum | cut -c1-64)"
  for stamp in "$VENV/.fgvc-stamp$extras" "$VENV/.fgvc-stamp[dev]"; do
    [ -x "$VENV/bin/fgvc-studio" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return 0
  done
  say "setting up $VENV (some minutes the first time)"
  if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    if [ -f "$VENV/pyvenv.cfg" ]; then rm -rf "$VENV"; fi # left half made, or its Python is gone
    "$PYTHON" -m venv "$VENV" || fail "$VENV could not be made."
  fi
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -e "$ROOT$extras" \
    || fail "pip could not install the packages; the lines above say why."
  printf '%s\n' "$want" >"$VENV/.fgvc-stamp$extras"
}

# Qt's libraries. Sets QT_WINDOW_OK=1 when a real window is possible, else 0; fails only when
# Qt cannot draw at all.
ensure_qt() {
  local lacking
  lacking="$(missing_packages "$QT_BASE $QT_WINDOW")"
  fc-list 2>/dev/null | grep -q . || ls /usr/share/fonts/*/* >/dev/null 2>&1 || lacking="$lacking fonts-dejavu-core"
  QT_WINDOW_OK=1
  if [ -n "${lacking// /}" ]; then
    # shellcheck disable=SC2086
    apt_install $lacking || QT_WINDOW_OK=0
  fi
  [ "$QT_WINDOW_OK" = 1 ] && return 0
  QT_QPA_PLATFORM=offscreen "$VENV/bin/python" -c \
    'from PySide6.QtWidgets import QApplication; QApplication([])' >/dev/null 2>&1 \
    || fail "Qt cannot start without these libraries, not even without a window."
  say "going on without a window, which works with what is installed."
}

setup_all() {
  ensure_python
  ensure_packages "${1:-}"
  ensure_qt
}
