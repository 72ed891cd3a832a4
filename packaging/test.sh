#!/usr/bin/env bash
# Sets everything up with the development tools, then runs every check. Further words go to pytest.
set -euo pipefail
# shellcheck source=packaging/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

setup_all "[dev]"
for tool in Xvfb xdotool; do
  command -v "$tool" >/dev/null 2>&1 && continue
  apt_install "${tool,,}" || say "the tests on a real display need $tool and will say so."
done

cd "$ROOT"
export PATH="$VENV/bin:$PATH" QT_QPA_PLATFORM=offscreen
failed=()
check() {
  say "$1"
  "${@:2}" || failed+=("$1")
}
check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "import contracts" lint-imports
check "mypy" mypy
check "tests" python -m pytest "$@"
if [ "${#failed[@]}" -gt 0 ]; then
  fail "not right: $(IFS=,; printf '%s' "${failed[*]}")"
fi
say "every check passed"
