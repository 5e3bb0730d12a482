#!/usr/bin/env bash
# Measures Yanıt next to the harness's peers and ceilings. See README.md.
#   HARNESS=<folder of the harness> YANIT=<release binary> run.sh import [CONVS..] | run [EXPERIMENT..] | smoke | table
# ROUNDS, SECS, PEERS (for --only) and NOTE can be set.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
: "${HARNESS:?the folder of the harness}" "${YANIT:?the release binary}"
# shellcheck source=/dev/null
. "$HARNESS/run/env.sh"
port=18450
rounds=${ROUNDS:-2} secs=${SECS:-3} peers=${PEERS:-p1,p2,p3}
site=00000000-0000-7000-8000-0000000000a1
agent=00000000-0000-7000-8000-0000000000b1
session=00000000-0000-7000-8000-0000000000c1
asker=00000000-0000-7000-8000-0000000000d1
# Signs the tokens of this benchmark and nothing else.
key=only-for-benchmarks-0123456789abcdef
pg=(-h 127.0.0.1 -p "$PGPORT_BENCH" -U bench -q -X)

token() { # claims of the bearer, as JSON
  python3 - "$key" "$1" <<'P'
import base64, hashlib, hmac, json, sys, time
b = lambda x: base64.urlsafe_b64encode(x).rstrip(b"=")
now = int(time.time())
claims = {"iss": "yanit", "iat": now, "exp": now + 864000, **json.loads(sys.argv[2])}
text = b(b'{"typ":"JWT","alg":"HS256"}') + b"." + b(json.dumps(claims).encode())
print((text + b"." + b(hmac.new(sys.argv[1].encode(), text, hashlib.sha256).digest())).decode())
P
}

settings() { # conversations
  export DATABASE_URL="postgres://bench@127.0.0.1:$PGPORT_BENCH/yanit_$(($1 / 1000))k"
  # The peers are one process without Redis, so this is one node without Redis.
  unset REDIS_URL QDRANT_URL
  export YANIT_LISTEN="127.0.0.1:$port" YANIT_SECRET_KEY="$key" YANIT_DATABASE_POOL=10 YANIT_LOG=error
  export YANIT_OPENAI_URL=http://127.0.0.1:18499/v1 YANIT_OPENAI_MODEL=fake YANIT_OPENAI_API_KEY=none
  # One agent, one visitor and one address do the work of thousands here: their limits are lifted.
  for limit in RATE VISITOR_RATE ANONYMOUS_RATE CHANGES {,ADDRESS_,SITE_}{MESSAGES,CONVERSATIONS}; do
    export "YANIT_${limit}_PER_MINUTE=10000000"
  done
  export YANIT_WORKERS=${WORKERS:-1000}
  export YANIT_MAX_VISITOR_CONNECTIONS=10000 YANIT_MAX_CONNECTIONS=100000 YANIT_MAX_ADDRESS_CONNECTIONS=50000
}

load() { # conversations
  local db="yanit_$(($1 / 1000))k"
  "$PGBIN/psql" "${pg[@]}" -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
  (settings "$1"; "$YANIT" migrate)
  "$PGBIN/psql" "${pg[@]}" -d "$db" -v convs="$1" -v site=$site -v agent=$agent -v session=$session -v asker=$asker -f "$here/import.sql" >/dev/null
  echo "imported $db"
}

adapters() {
  local a v s
  a=$(token "{\"kind\":\"USER\",\"sub\":\"user_${agent//-/}\",\"sid\":\"sess_${session//-/}\"}")
  v=$(token "{\"kind\":\"VISITOR\",\"sub\":\"visitor_${asker//-/}\",\"site\":\"site_${site//-/}\"}")
  s="site_${site//-/}"
  for f in "$here"/*.json; do
    sed "s/AGENT_TOKEN/$a/; s/VISITOR_TOKEN/$v/; s/SITE_ID/$s/" "$f" >"$HARNESS/adapters/$(basename "$f")"
  done
}

pid=
up() { # conversations
  (settings "$1"; exec "$YANIT" serve) >"$PERF/yanit.log" 2>&1 &
  pid=$!
  for _ in $(seq 100); do
    curl -fsS -o /dev/null "http://127.0.0.1:$port/health/ready" 2>/dev/null && return
    kill -0 "$pid"; sleep 0.1
  done
  echo "the server is not ready; see $PERF/yanit.log" >&2; exit 1
}
down() { [ -z "$pid" ] || { kill "$pid" && wait "$pid" || true; }; pid=; }
trap down EXIT

bench() { # experiment, columns, adapter, further arguments
  local e=$1 only=$2 ad=$3; shift 3
  echo "== $e at $(date +%T)"
  python3 "$HARNESS/run/bench.py" "$e" --only "$only" --secs "$secs" --note "${NOTE:-}" --server "yanit=$port:$ad:$pid" "$@"
}

one() { # experiment
  case $1 in
  inbox) up 100000; bench inbox "$peers,pgl,l3,l2,yanit" yanit --rounds "$rounds" --points "${POINTS:-16}"; down ;;
  send) up 100000; bench send "$peers,l2,yanit" yanit --rounds "$rounds" --points "${POINTS:-1,64}"; down ;;
  fanout) up 100000; bench fanout "$peers,l1-axum,l1-raw,yanit" yanit --rounds "$rounds" --points "${POINTS:-100,1000,5000}"; down ;;
  paced) up 100000; bench paced "$peers,l1-axum,l1-raw,yanit" yanit --rounds "$rounds" --points "${POINTS:-1000}"; down ;;
  # `messages` carries no typing: `shared` has its figures for durable messages.
  rooms) up 100000; bench rooms "$peers,l1-axum,l1-raw,yanit" yanit --rounds "$rounds"; down ;;
  # A fresh process each time: what is measured is memory.
  idle) for _ in $(seq "$rounds"); do up 100000; bench idle "$peers,l1-axum,l1-raw,yanit" yanit --rounds 1 --points "${POINTS:-10000}"; down; done ;;
  ai) up 100000; bench ai "$peers,yanit" yanit-ai --rounds "$rounds" --points "${POINTS:-1,100,500}"; down ;;
  # A server for each size, since one is bound to its database.
  grow) for n in 10000 100000 1000000; do up $n; bench grow "p1,l2,yanit" yanit --rounds "$rounds" --points $n; down; done ;;
  # Durable messages to a room whose subscribers follow `messages`, which one execution serves.
  shared) up 100000; for n in 100 1000 5000; do for _ in $(seq "$rounds"); do for ad in yanit yanit-messages; do
    "$PERF/target/release/loadgen" fanout --adapter "$HARNESS/adapters/$ad.json" --base "http://127.0.0.1:$port" --tag "$ad" \
      --pid "server=$pid" --subs "$n" --secs "$secs" --op send --window 4 | tee -a "$PERF/shared.jsonl"
  done; done; done; down ;;
  *) echo "unknown: $1" >&2; exit 1 ;;
  esac
}

case ${1:-} in
import) shift; for n in "${@:-10000 100000 1000000}"; do for m in $n; do load "$m"; done; done ;;
run) shift; adapters; for e in "${@:-inbox}"; do one "$e"; done ;;
serve) adapters; settings "${2:-100000}"; exec "$YANIT" serve ;;
table) python3 "$HARNESS/run/bench.py" table ;;
*) sed -n 2,4p "$0"; exit 1 ;;
esac
