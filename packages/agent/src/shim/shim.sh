#!/bin/sh
# shim.sh DIR PATIENCE IDENTITY
#
# Owns one command. Started as the leader of its own process group, it claims DIR, runs DIR/command
# with output appended to DIR/output, and writes the exit code to DIR/exit (by rename). It survives
# the agent: an agent that restarts finds DIR/shim and waits for DIR/exit.
#
# PATIENCE seconds after the agent named in IDENTITY ("pid starttime") was last seen alive, it
# writes DIR/abandoned and kills its group, so that a step does not run in two places for longer
# than the timers say. 0: never (instances of releases outlive agents).
#
# Traps are handlers, not '': an ignored signal would stay ignored in the command. `wait` then
# returns early on a signal, hence the loop. The shell prints "Killed" and the like to its stderr
# only for a command that died of a signal: that tells signal 9 apart from `exit 137`.
set -u
dir=$1 patience=$2 identity=$3

set -C
( : > "$dir/claim" ) 2>/dev/null || exit 98
set +C

exec </dev/null 2>"$dir/shim.log"
trap : HUP INT TERM

start_time() {
  [ -r "/proc/$1/stat" ] || return 1
  set -- $(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null)
  [ "${1:-Z}" != Z ] && echo "${20:-}"
}

printf '%s %s\n' "$$" "$(start_time $$)" > "$dir/shim.tmp" && mv "$dir/shim.tmp" "$dir/shim"

agent_alive() {
  read -r pid started < "$identity" || return 1
  if [ -d /proc/self ]; then [ "$(start_time "$pid")" = "$started" ]; else kill -0 "$pid"; fi
} 2>/dev/null

watchdog=
if [ "$patience" -gt 0 ]; then
  (
    trap - HUP INT
    nap=
    trap '[ -n "$nap" ] && kill "$nap"; exit' TERM
    : > "$dir/watching"
    missing=0
    while sleep 1 & nap=$!; wait "$nap"; do
      if agent_alive; then missing=0; else missing=$((missing + 1)); fi
      [ "$missing" -lt "$patience" ] && continue
      : > "$dir/abandoned"
      kill -9 "-$$"
    done
  ) >/dev/null 2>&1 &
  watchdog=$!
fi

sh "$dir/command" >> "$dir/output" 2>&1 &
child=$!
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done

# Before the watchdog's own end is remarked on. It is ended only once its trap is set: a signal
# that comes earlier would be lost, and this wait would be for ever.
said=$(cat "$dir/shim.log" 2>/dev/null)
if [ -n "$watchdog" ]; then
  while [ ! -e "$dir/watching" ] && [ -d "$dir" ]; do :; done
  kill "$watchdog" 2>/dev/null && wait "$watchdog" 2>/dev/null
fi

kind=exit
[ "$code" -gt 128 ] && [ -n "$said" ] && kind=signal
printf '%s %s\n' "$kind" "$code" > "$dir/exit.tmp" && mv "$dir/exit.tmp" "$dir/exit"
exit 0
