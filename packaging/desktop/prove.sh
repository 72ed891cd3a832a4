#!/usr/bin/env bash
# Proves a Debian package: installs it into a bare system, uses it as an ordinary user, removes it.
#   packaging/desktop/prove.sh build/fgvc-studio_*.deb [FOLDER FOR PICTURES AND LOG]
# Needs root, debootstrap, xvfb, xdotool, imagemagick and a Debian mirror. The bare system lies in
# a temporary folder; the screen is an Xvfb of this system, shared by its socket.
set -euo pipefail
DEB="$(readlink -f "$1")"
OUT="$(mkdir -p "${2:-build/proof}" && readlink -f "${2:-build/proof}")"
SUITE="${FGVC_SUITE:-bookworm}"
MIRROR="${FGVC_MIRROR:-http://deb.debian.org/debian}"
ROOTFS="$(mktemp -d /var/tmp/fgvc-proof.XXXXXX)"
chmod 755 "$ROOTFS"
NUMBER=87
PHOTOS="${FGVC_PHOTOS:-120}"
exec > >(tee "$OUT/proof.log") 2>&1

[ "$(id -u)" = 0 ] || { echo "prove.sh: please run as root." >&2; exit 1; }
for tool in debootstrap Xvfb xdotool import; do
  command -v "$tool" >/dev/null || { echo "prove.sh: $tool is not installed." >&2; exit 1; }
done

clean() {
  [ -n "${XVFB:-}" ] && kill "$XVFB" 2>/dev/null || true
  for where in tmp/.X11-unix dev/shm dev proc; do
    mountpoint -q "$ROOTFS/$where" && umount -l "$ROOTFS/$where" || true
  done
  rm -rf "$ROOTFS"
}
trap clean EXIT
inside() { chroot "$ROOTFS" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }
user() { inside HOME=/home/anna DISPLAY=:$NUMBER setpriv --reuid=1000 --regid=1000 --clear-groups "$@"; }
SECONDS=0
took() { printf '%-58s %4d s\n' "$1" "$SECONDS"; SECONDS=0; }

debootstrap --variant=minbase "$SUITE" "$ROOTFS" "$MIRROR" >/dev/null
took "bare system ($SUITE, minbase)"
mount -t proc proc "$ROOTFS/proc"
mount --bind /dev "$ROOTFS/dev"
mount -t tmpfs tmpfs "$ROOTFS/dev/shm"
mkdir -p "$ROOTFS/tmp/.X11-unix" /tmp/.X11-unix
mount --bind /tmp/.X11-unix "$ROOTFS/tmp/.X11-unix"
inside useradd --create-home --uid 1000 anna
(cd "$ROOTFS" && find . -xdev \( -path ./home -o -path ./proc -o -path ./dev -o -path ./tmp \) -prune -o -print | sort) > "$OUT/before.txt"

cp "$DEB" "$ROOTFS/var/tmp/fgvc-studio.deb"
inside DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  /var/tmp/fgvc-studio.deb >/dev/null
took "installed, $(du -sm "$ROOTFS/usr/lib/fgvc-studio" | cut -f1) MB, with $(inside apt-mark showauto | wc -l) packages it depends on"
rm "$ROOTFS/var/tmp/fgvc-studio.deb"
test -x "$ROOTFS/usr/bin/fgvc-studio" && test -s "$ROOTFS/usr/share/man/man1/fgvc-studio.1.gz"
user fgvc-studio --version
SECONDS=0
user fgvc-studio doctor
took "doctor"

Xvfb ":$NUMBER" -screen 0 1440x900x24 -nolisten tcp >/dev/null 2>&1 &
XVFB=$!
export DISPLAY=":$NUMBER"
sleep 1
# Import, embedding, UMAP, naming, the trainings, export; the report with pictures of the window.
user env QT_QPA_PLATFORM=offscreen fgvc-studio demo --dir /home/anna/sample --headless --images "$PHOTOS" --quiet
took "sample project: the whole loop on $PHOTOS photos"
cp -r "$ROOTFS/home/anna/sample/report" "$OUT/"
PROJECT="$(find "$ROOTFS/home/anna/sample" -maxdepth 1 -name '*.fgvc' | head -1)"
PROJECT="${PROJECT#"$ROOTFS"}"
for run in cmd-1 ecaml-1 st-protopnet-1 crkd-1; do
  user fgvc-studio runs "$PROJECT" --json | grep -q "\"$run\"" || { echo "$run is missing." >&2; exit 1; }
done

started="$(date +%s%N)"
user fgvc-studio "$PROJECT" &
for _ in $(seq 600); do
  WINDOW="$(xdotool search --onlyvisible --name 'FGVC Studio' 2>/dev/null | head -1)" && [ -n "$WINDOW" ] && break
  sleep 0.05
done
echo "window on the screen after $(( ($(date +%s%N) - started) / 1000000 )) ms"
sleep 8
import -window root "$OUT/window.png"
before="$(user fgvc-studio history "$PROJECT" --json 2>/dev/null | wc -c || true)"
xdotool mousemove 430 250 click 1 sleep 1 key 1 sleep 2 key ctrl+z sleep 1 key 2 sleep 2
import -window root "$OUT/named.png"
xdotool key ctrl+q; sleep 3
SECONDS=0
user fgvc-studio undo "$PROJECT"
user fgvc-studio export "$PROJECT" --format csv /home/anna/labels.csv
test "$(wc -l < "$ROOTFS/home/anna/labels.csv")" -gt "$PHOTOS"
took "undone and exported from the command line"

inside DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq fgvc-studio >/dev/null
inside DEBIAN_FRONTEND=noninteractive apt-get autoremove --purge -y -qq >/dev/null
(cd "$ROOTFS" && find . -xdev \( -path ./home -o -path ./proc -o -path ./dev -o -path ./tmp \) -prune -o -print | sort) > "$OUT/after.txt"
left="$(comm -13 "$OUT/before.txt" "$OUT/after.txt" | grep -i fgvc || true)"
[ -z "$left" ] || { echo "left behind: $left" >&2; exit 1; }
test -d "$ROOTFS$PROJECT"
took "removed; the project is still there, nothing else of the program is"
