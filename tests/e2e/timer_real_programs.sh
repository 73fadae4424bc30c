#!/bin/bash
# As real_programs.sh, under the engine timer.
export record_options="--engine timer" programs="sqlite3 python3 xz redis"
exec "$(dirname "$0")/real_programs.sh"
