#!/usr/bin/env bash
# Sets up the same way as run.sh and runs every test.
#
#   ./testnet/test.sh [--no-install] [--filter NAME]
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

read_options "$@"
need_swift
NEEDS_NUMPY=yes install_packages "$install"
build --build-tests
export MESHNODE_DATA="$PWD/data"
export MESHNODE_BINARY="$PWD/$BINARY"
export OPENBLAS_NUM_THREADS=1
run() { swift test "${BUILD_FLAGS[@]}" --skip-build "$@"; }

if [ ${#arguments[@]} -gt 0 ]; then
    run "${arguments[@]}"
    exit
fi
# One after another: the simulator and the process runs each want the cores for themselves, and so does each process run and
# each test of sockets, whose peers have deadlines.
run --skip SimulationTests --skip IntegrationTests --skip TransportTests
run --no-parallel --filter 'IntegrationTests|TransportTests'
run --filter SimulationTests
