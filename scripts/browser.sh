#!/bin/sh
# Make sure that there is a Chromium for the review app's browser tests. Installs one only where
# that needs no question: as root, on Debian and its relatives. Never fails: without a browser those
# tests are skipped and say so.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        echo "Browser for the tests: $(command -v "$name")"
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests …"
    if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium) \
        >/tmp/chromium-install.log 2>&1; then
        echo "Browser for the tests: $(command -v chromium)"
        exit 0
    fi
    tail -5 /tmp/chromium-install.log
fi
echo "NO BROWSER: the browser tests will be skipped. Install chromium to run them." >&2
