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
# only for a command that died of a signal: that tells signal 9 apart from `exit 137`. Its own
# variables have a prefix: one of the same name in the environment would be changed for the command.
set -u
_hf_dir=$1 _hf_patience=$2 _hf_identity=$3

set -C
( : > "$_hf_dir/claim" ) 2>/dev/null || exit 98
set +C

exec </dev/null 2>"$_hf_dir/shim.log"
trap : HUP INT TERM

start_time() {
  [ -r "/proc/$1/stat" ] || return 1
  set -- $(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null)
  [ "${1:-Z}" != Z ] && echo "${20:-}"
}

_hf_boot=
[ -r /proc/sys/kernel/random/boot_id ] && read -r _hf_boot < /proc/sys/kernel/random/boot_id
printf '%s %s %s\n' "$$" "$(start_time $$)" "$_hf_boot" > "$_hf_dir/shim.tmp" && mv "$_hf_dir/shim.tmp" "$_hf_dir/shim"

agent_alive() {
  read -r _hf_pid _hf_started < "$_hf_identity" || return 1
  if [ -d /proc/self ]; then [ "$(start_time "$_hf_pid")" = "$_hf_started" ]; else kill -0 "$_hf_pid"; fi
} 2>/dev/null

_hf_watchdog=
if [ "$_hf_patience" -gt 0 ]; then
  (
    trap - HUP INT
    _hf_nap=
    trap '[ -n "$_hf_nap" ] && kill "$_hf_nap"; exit' TERM
    : > "$_hf_dir/watching"
    _hf_missing=0
    while sleep 1 & _hf_nap=$!; wait "$_hf_nap"; do
      if agent_alive; then _hf_missing=0; else _hf_missing=$((_hf_missing + 1)); fi
      [ "$_hf_missing" -lt "$_hf_patience" ] && continue
      : > "$_hf_dir/abandoned"
      kill -9 "-$$"
    done
  ) >/dev/null 2>&1 &
  _hf_watchdog=$!
fi

sh "$_hf_dir/command" >> "$_hf_dir/output" 2>&1 &
_hf_child=$!
while :; do
  wait "$_hf_child"
  _hf_code=$?
  kill -0 "$_hf_child" 2>/dev/null || break
done

# Before the watchdog's own end is remarked on. It is ended only once its trap is set: a signal
# that comes earlier would be lost, and this wait would be for ever.
_hf_said=$(cat "$_hf_dir/shim.log" 2>/dev/null)
if [ -n "$_hf_watchdog" ]; then
  while [ ! -e "$_hf_dir/watching" ] && [ -d "$_hf_dir" ]; do :; done
  kill "$_hf_watchdog" 2>/dev/null && wait "$_hf_watchdog" 2>/dev/null
fi

_hf_kind=exit
[ "$_hf_code" -gt 128 ] && [ -n "$_hf_said" ] && _hf_kind=signal
printf '%s %s\n' "$_hf_kind" "$_hf_code" > "$_hf_dir/exit.tmp" && mv "$_hf_dir/exit.tmp" "$_hf_dir/exit"
exit 0
