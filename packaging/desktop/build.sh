#!/usr/bin/env bash
# Builds the desktop program on Linux: folder, Debian package, portable archive (see build.py).
#   packaging/desktop/build.sh [--quick] [--out FOLDER]
# FGVC_BUILD_VENV  environment to build in (default build/venv); it gets a torch without CUDA,
#                  which makes the difference between 1.3 GB and 7 GB.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
ensure_python
BUILD_VENV="${FGVC_BUILD_VENV:-$ROOT/build/venv}"
command -v zstd >/dev/null 2>&1 || apt_install zstd || fail "zstd is needed for the archive."

if [ ! -x "$BUILD_VENV/bin/python" ]; then
  "$PYTHON" -m venv "$BUILD_VENV"
fi
PIP=("$BUILD_VENV/bin/pip" --disable-pip-version-check -q)
if ! "$BUILD_VENV/bin/python" -c 'import torch' 2>/dev/null; then
  say "installing torch without CUDA"
  # The CPU index has builds without CUDA for every release; where it cannot be reached, the
  # registry in use may offer one under this version.
  "${PIP[@]}" install torch torchvision --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
    { "${PIP[@]}" install torch==2.13.0 && "${PIP[@]}" install torchvision==0.28.0; }
fi
say "installing the program and PyInstaller"
"${PIP[@]}" install pyinstaller "$ROOT"
exec "$BUILD_VENV/bin/python" "$ROOT/packaging/desktop/build.py" "$@"
