#!/bin/sh
# In the virtual machine: installs the service as docs/operations.md says, runs the tests, writes their report to
# the second serial port.
set -eu
cd /project
mkswap /dev/vdc >/dev/null
swapon /dev/vdc
install -D -m 0755 functions /opt/functions/functions
install -m 0644 scripts/functions.service /etc/systemd/system/functions.service
mkdir -p /etc/functions
systemctl daemon-reload
systemctl enable --now functions || systemctl status functions --no-pager || true
/opt/functions/functions doctor --data-dir /var/lib/functions || true
status=0
HOME=/root ./bun test --timeout 60000 --reporter=junit --reporter-outfile=/run/report.xml ./tests/vm || status=$?
[ "$status" -eq 0 ] || journalctl --no-pager -n 80 -u functions
cat /run/report.xml >/dev/ttyS1
