#!/usr/bin/env bash
# Sets everything up on a fresh machine, then makes and opens the sample project.
# Without a display it runs the whole tour without a window and writes a report.
# Further words go to the program:  bash packaging/start.sh --images 300
set -euo pipefail
# shellcheck source=packaging/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

setup_all ""
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$QT_WINDOW_OK" = 0 ]; then
  say "no display found: running the demo without a window"
  export QT_QPA_PLATFORM=offscreen
  exec "$VENV/bin/fgvc-studio" demo --headless "$@"
fi
exec "$VENV/bin/fgvc-studio" demo "$@"
