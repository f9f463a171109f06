#!/bin/bash
# Drains a SQLite queue with nothing but bash, sqlite3 and curl.
#   loop.sh FILE ENDPOINT PROJECT
set -euo pipefail
file=$1 url=$2/v3/$3/instances/db-upgrade
sql() { sqlite3 -batch -bail -cmd ".timeout 30000" "$file" "PRAGMA synchronous = EXTRA; $1"; }

while :; do
  ids=$(sql "BEGIN IMMEDIATE;
    UPDATE request SET state = 'submitting' WHERE id IN (
      SELECT id FROM request WHERE state = 'queued' ORDER BY priority, id LIMIT 10)
    RETURNING '\"' || instance_id || '\"';
    COMMIT;")
  [ -n "$ids" ] || break
  answer=$(curl -sS --fail -H 'Content-Type: application/json' -d "{\"instance_ids\": [${ids//$'\n'/,}]}" "$url")
  sql "BEGIN IMMEDIATE;
    UPDATE request SET state = 'running', job_id = answer.job_id FROM (
      SELECT value ->> 'instance_id' AS instance_id, value ->> 'job_id' AS job_id
      FROM json_each('$answer', '\$.upgrade_results')) AS answer
    WHERE request.instance_id = answer.instance_id AND state = 'submitting';
    COMMIT;"
done
exec tail -f /dev/null
