#!/usr/bin/env bash
# Several hosts on one machine: a network namespace for each, a bridge between them, real `meshnode run` processes that
# finish a task while packets are lost and the network falls apart and heals.
#
#   ./testnet/hosts.sh [--hosts N] [--rounds R] [--loss PERCENT] [--cut SECONDS] [--binary FILE] [--out DIR]
#
# Loss: nft drops that share of everything that arrives at two of the hosts. Cut: two hosts hear nothing of the others
# for so long, from the first decided round on. Needs root, `ip` (iproute2) and `nft` (nftables); without them it says
# so and exits 69. Namespaces are removed at the end, whatever happens. Exits 0 only if all hosts hold the same head
# and each chain verifies; 2 if not.
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

hosts=5 rounds=3 loss=5 cut=8 limit=300 binary="" out="$PWD/testnet/out-hosts"
while [ $# -gt 0 ]; do
    case "$1" in
    --hosts) hosts=$2 ;;
    --rounds) rounds=$2 ;;
    --loss) loss=$2 ;;
    --cut) cut=$2 ;;
    --binary) binary=$2 ;;
    --out) out=$(from_caller "$2") ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        say "$1 is no option; see --help"
        exit 64
        ;;
    esac
    shift $(($# > 1 ? 2 : 1))
done
for number in "$hosts" "$rounds" "$loss" "$cut"; do
    [[ $number =~ ^[0-9]+$ ]] || { say "$number is not a whole number"; exit 64; }
done
[ "$hosts" -ge 5 ] && [ "$hosts" -le 32 ] || { say "--hosts $hosts: 5 to 32 are allowed"; exit 64; }
[ "$loss" -le 50 ] || { say "--loss $loss: at most 50"; exit 64; }
fresh_folder "$out" 'h[0-9]*' data parts.json network.genesis ticket task.toml dropped.txt
[ "$(id -u)" = 0 ] || { say "network namespaces need root; run: sudo ./testnet/hosts.sh"; exit 69; }
for tool in ip nft; do
    command -v $tool >/dev/null || { say "$tool is missing; run: apt-get install iproute2 nftables"; exit 69; }
done
if [ -z "$binary" ]; then
    need_swift
    build --product meshnode
    binary=$BINARY
fi
export MESHNODE_DATA="$PWD/data" OPENBLAS_NUM_THREADS=1

prefix="mn$$"
pids=()
cleanup() {
    # A node that has ended by itself must not keep the rest from being removed.
    set +e
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    for host in $(seq 1 "$hosts") hub; do ip netns del "$prefix-$host" 2>/dev/null; done
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
    say "FAILED: $*"
    for host in $(seq 1 "$hosts"); do
        [ -f "$out/h$host.log" ] && { say "last lines of h$host:"; tail -n 5 "$out/h$host.log" >&2; }
    done
    exit 2
}
node() { "$binary" "$@" || fail "meshnode $*"; }
# Repeats a command until it succeeds: what it waits for, then the command.
await() {
    local what=$1 end=$((SECONDS + limit))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $end ] || fail "not within $limit s: $what"
        for index in "${!pids[@]}"; do
            kill -0 "${pids[$index]}" 2>/dev/null || fail "the node of host $((index + 1)) ended"
        done
        sleep 0.5
    done
}
hub() { ip netns exec "$prefix-hub" "$@"; }

# A hub with a bridge, and a host at the end of each cable.
ip netns add "$prefix-hub" || { say "namespaces cannot be made here"; exit 69; }
hub ip link add br0 type bridge && hub ip link set br0 up || { say "bridges cannot be made here"; exit 69; }
for host in $(seq 1 "$hosts"); do
    ip netns add "$prefix-$host"
    ip link add "p$host" netns "$prefix-hub" type veth peer name eth0 netns "$prefix-$host"
    hub ip link set "p$host" master br0
    hub ip link set "p$host" up
    ip -n "$prefix-$host" addr add "10.213.9.$host/24" dev eth0
    ip -n "$prefix-$host" link set lo up
    ip -n "$prefix-$host" link set eth0 up
done
hub nft add table bridge mesh
hub nft 'add chain bridge mesh cut { type filter hook forward priority 0; }'

node data partition digits --parts "$hosts" --partition shards:2 --out "$out/data" --format json >"$out/parts.json"
members=()
for host in $(seq 1 "$hosts"); do
    node init --home "$out/h$host" --name "h$host" --listen "10.213.9.$host:7001" --set mesh.profile=wan \
        --set data.type=digits --set data.label=label --set data.train="$out/data/part-$((host - 1)).csv" \
        --set data.evaluation="$out/data/holdout.csv" --set miner.auto_join=true -q >/dev/null
    members+=(--member "$out/h$host")
done
node genesis create --name hosts "${members[@]}" --out "$out/network.genesis" -q >/dev/null
for host in $(seq 1 "$hosts"); do node init --home "$out/h$host" --genesis "$out/network.genesis" -q >/dev/null; done

begin() {
    local host=$1
    shift
    ip netns exec "$prefix-$host" "$binary" run --home "$out/h$host" "$@" >"$out/h$host.log" 2>&1 &
    pids+=($!)
}
begin 1
await "the first node prints a ticket" sh -c "'$binary' ticket --home '$out/h1' >'$out/ticket'"
for host in $(seq 2 "$hosts"); do begin "$host" --set mesh.bootstrap="$(cat "$out/ticket")"; done
linked() {
    for host in $(seq 1 "$hosts"); do
        [ "$("$binary" peers --home "$out/h$host" --json | grep -c '"state":"linked"')" -ge $((hosts - 1)) ] || return 1
    done
}
began=$SECONDS
await "all hosts link through one ticket" linked
say "$hosts hosts linked through one ticket after $((SECONDS - began)) s"

if [ "$loss" -gt 0 ]; then
    for port in p1 p2; do
        hub nft "add rule bridge mesh cut oifname \"$port\" numgen random mod 100 < $loss drop"
    done
    say "$loss % of what goes to hosts 1 and 2 is lost from now on"
fi

sed -e "s/^rounds = .*/rounds = $rounds/" -e "s/^minimum = 5/minimum = $hosts/" -e "s/^maximum = 5/maximum = $hosts/" \
    examples/digits.toml >"$out/task.toml"
node task publish "$out/task.toml" --home "$out/h1" -q >/dev/null
began=$SECONDS
decided() {
    [ "$("$binary" round list digits --home "$out/h$1" --json | grep -c '"outcome":"accepted"')" -ge "$2" ]
}
await "host 1 decides round 1" decided 1 1
say "round 1 decided after $((SECONDS - began)) s"
if [ "$cut" -gt 0 ]; then
    hub nft 'add rule bridge mesh cut iifname { "p1", "p2" } oifname != { "p1", "p2" } counter drop'
    hub nft 'add rule bridge mesh cut iifname != { "p1", "p2" } oifname { "p1", "p2" } counter drop'
    sleep "$cut"
    hub nft list chain bridge mesh cut | grep counter >"$out/dropped.txt"
    grep -q 'packets [1-9]' "$out/dropped.txt" || fail "the cut dropped nothing"
    hub nft flush chain bridge mesh cut
    say "hosts 1 and 2 were cut off for $cut s; healed"
fi
healed=$SECONDS
for host in $(seq 1 "$hosts"); do await "host $host decides $rounds rounds" decided "$host" "$rounds"; done
say "$rounds rounds decided on all hosts, $((SECONDS - healed)) s after the healing, $((SECONDS - began)) s in all"

heads() {
    for host in $(seq 1 "$hosts"); do "$binary" chain head --home "$out/h$host" --json | grep '"kind":"task"'; done |
        grep -o '"head":"[0-9a-f]*"' | sort | uniq -c | awk -v n="$hosts" '{ lines++; count = $1 } END { exit !(lines == 1 && count == n) }'
}
await "all hosts hold the same head" heads
for host in $(seq 1 "$hosts"); do "$binary" stop --home "$out/h$host" -q >/dev/null || fail "host $host does not stop"; done
for pid in "${pids[@]}"; do wait "$pid"; done
pids=()
for host in $(seq 1 "$hosts"); do node chain verify --full --home "$out/h$host" -q >"$out/h$host.verify"; done
say "PASSED: $hosts hosts, the same head everywhere, chain verify --full on each"
