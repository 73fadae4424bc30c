#!/bin/bash
# As special_code.sh, under the engine timer.
export record_options="--engine timer" programs="sqlite3 python3 xz redis"
exec "$(dirname "$0")/special_code.sh"
