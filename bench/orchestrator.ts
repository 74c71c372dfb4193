import { atLeast, atMost, type Bound } from './bound.ts';
import { type Latency, ratio, summarise } from './latency.ts';
import { measureBareCommits, measureRoundTrips } from './orchestrator/bare-commit.ts';
import { measureBareExchanges } from './orchestrator/bare-exchange.ts';
import { startController } from './orchestrator/controller.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { type HoldfastFigures, measureHoldfast } from './orchestrator/holdfast.ts';
import { measurePeers, type PeerName, requirePeers } from './orchestrator/peers.ts';
import { profileHoldfast } from './orchestrator/profile.ts';
import type { PeerAnswer } from './peers/peer.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * What a durable step costs, in multiples of a bare commit and beside three peers, on one embedded
 * PostgreSQL in one run. Holdfast is measured as two processes (controller, agents), each peer as
 * the one process it is.
 */
export async function measureOrchestrator({
  workbench,
  seconds,
}: {
  readonly workbench: Workbench;
  readonly seconds: number;
}) {
  requirePeers();
  const database = await BenchDatabase.start(workbench);
  await database.create('bare');
  say('bare commits');
  const commits = await measureBareCommits(database, seconds / 2);
  const roundTripMs = summarise(await measureRoundTrips(database, seconds / 5));
  say('the same behind a bare request');
  const bareExchangeMs = summarise(await measureBareExchanges(workbench, database, seconds / 2));
  const controller = await startController(workbench, { databaseUrl: database.url('holdfast') });
  const holdfast = await measureHoldfast({
    workbench,
    databaseUrl: database.url('holdfast'),
    controller,
    seconds,
  });
  await controller.process.stop();
  const peers = await measurePeers(workbench, database, seconds);
  // Again at the end: when the machine changed its mind in between, the two halves show it.
  const laterCommits = await measureBareCommits(database, seconds / 2);
  const bareCommitMs = summarise([...commits, ...laterCommits]);
  say('profile');
  await database.restartCounting();
  const profile = {
    oneAfterTheOther: await profileHoldfast(workbench, database, {
      seconds: seconds / 2,
      what: 'oneAfterTheOther',
    }),
    manyAgents: await profileHoldfast(workbench, database, { seconds: seconds / 2, what: 'manyAgents' }),
  };
  const ratios = ratiosOf({ bareCommitMs, bareExchangeMs, holdfast, peers });
  return {
    bounds: boundsOf(ratios),
    ratios,
    bareCommitMs: { ...bareCommitMs, p50First: summarise(commits).p50, p50Last: summarise(laterCommits).p50 },
    roundTripMs,
    bareExchangeMs,
    holdfast,
    peers,
    profile,
  };
}

/** Latencies: below 1 Holdfast is faster. Throughput: above 1 Holdfast is faster. */
function ratiosOf({
  bareCommitMs,
  bareExchangeMs,
  holdfast,
  peers,
}: {
  readonly bareCommitMs: Latency;
  readonly bareExchangeMs: Latency;
  readonly holdfast: HoldfastFigures;
  readonly peers: { readonly [name in PeerName]: PeerAnswer };
}) {
  const stepMs = holdfast.stepAfterStep.stepMs.p50;
  const { perSecond } = holdfast.agents20Slots10;
  const names = Object.keys(peers) as PeerName[];
  const overPeers = (of: (peer: PeerAnswer) => number) =>
    Object.fromEntries(names.map((name) => [name, of(peers[name])]));
  return {
    stepP50OverBareCommitP50: ratio(stepMs, bareCommitMs.p50),
    stepP50OverBareExchangeP50: ratio(stepMs, bareExchangeMs.p50),
    bareExchangeP50OverBareCommitP50: ratio(bareExchangeMs.p50, bareCommitMs.p50),
    stepStartedFirstP50OverBareCommitP50: ratio(holdfast.stepStartedFirst.stepMs.p50, bareCommitMs.p50),
    stepP50OverPeerP50: overPeers((peer) => ratio(stepMs, peer.chainedMs.p50)),
    stepsPerSecond20x10OverPeer: overPeers((peer) => ratio(perSecond, peer.perSecond)),
    stepsPerSecond1x200OverPeer: overPeers((peer) =>
      ratio(holdfast.agents1Slots200.perSecond, peer.perSecond),
    ),
  };
}

/** Issue 3. */
function boundsOf(ratios: ReturnType<typeof ratiosOf>): readonly Bound[] {
  const overBest = (over: { readonly [peer: string]: number }) => Math.min(...Object.values(over));
  return [
    atMost(
      'a durable step after another, p50 over that of a bare commit',
      ratios.stepP50OverBareCommitP50,
      2,
    ),
    atLeast(
      'steps/s over the best peer, 20 agents x 10 slots',
      overBest(ratios.stepsPerSecond20x10OverPeer),
      3,
    ),
    atLeast(
      'steps/s over the best peer, 1 agent x 200 slots',
      overBest(ratios.stepsPerSecond1x200OverPeer),
      8,
    ),
  ];
}
