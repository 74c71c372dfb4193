# Sourced by every step of the chaos suite's workflow, as the step's own script.
# In: K (which step), TRIGGER, PLAN (seconds of each step), LEDGER (a file outside the workspace),
# MACHINES (a folder in which each agent has marks of its own; empty: none does provisions again).
#
# It proves three things from inside: the ledger says that it ran, and how often; the files and the
# environment of all earlier steps are there and agree; nothing of itself is there yet. Its numbered
# lines, with a token of this very execution, prove that no part of a log is missing or from another.
# Step 1 changes its machine and says HOLDFAST_ON_RESTORE: rerun; later steps look for what it did there.
set -eu
mark="$MACHINES/$TRIGGER.$RUNNER_NAME"
if [ -z "$MACHINES" ]; then :
elif [ "$K" = 1 ]; then
  : > "$mark"
  if [ -e made/1 ] && [ "$(cat made/1)" = "${MADE_1:-nothing}" ]; then echo "done again on $RUNNER_NAME"; exit 0; fi
elif [ "$K" -gt 1 ]; then
  [ -e "$mark" ] || { echo "step 1 was not done again on $RUNNER_NAME"; exit 93; }
fi
token=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
printf '%s %s %s began\n' "$TRIGGER" "$K" "$token" >> "$LEDGER"

[ ! -e "made/$K" ] || { echo "made/$K is there before step $K ran: half a step was resumed"; exit 90; }
i=0
while [ "$i" -lt "$K" ]; do
  made=$(cat "made/$i") || { echo "made/$i of an earlier step is missing"; exit 91; }
  eval "known=\${MADE_$i:-nothing}"
  [ "$made" = "$known" ] || { echo "made/$i holds $made, the environment of the job says $known"; exit 92; }
  i=$((i + 1))
done

seconds=$(echo "$PLAN" | cut -d' ' -f$((K + 1)))
lines=$((6 + K))
nap=$(awk "BEGIN { print $seconds / $lines }")
i=1
while [ "$i" -le "$lines" ]; do
  echo "step $K line $i of $lines $token"
  sleep "$nap"
  i=$((i + 1))
done
while [ -e "$HOLD" ]; do sleep 0.1; done

mkdir -p made
printf '%s' "$token" > "made/$K"
echo "MADE_$K=$token" >> "$GITHUB_ENV"
printf '%s %s %s ended\n' "$TRIGGER" "$K" "$token" >> "$LEDGER"
