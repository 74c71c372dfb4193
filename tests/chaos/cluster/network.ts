import { execFileSync, spawnSync } from 'node:child_process';
import { bridgeAddress, type Scene } from './scene.ts';

/**
 * A bridge with one namespace a host. The databases and the harness have the bridge's address.
 *
 *   agent-1 … agent-3 [namespace each]           ── veth ──┐
 *   controller-1, controller-2 [namespace each]  ── veth ──┴── bridge (.1): PostgreSQL, the harness
 */
export class Network {
  private readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
    ip('link', 'add', 'name', scene.bridge, 'type', 'bridge');
    ip('address', 'add', `${bridgeAddress(scene)}/24`, 'dev', scene.bridge);
    ip('link', 'set', scene.bridge, 'up');
  }

  addHost(number: number): string {
    const { bridge } = this.scene;
    const namespace = this.namespaceOf(number);
    const outside = `${bridge}v${number}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', outside, 'master', bridge, 'up');
    ip('-n', namespace, 'address', 'add', `${this.addressOf(number)}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    return namespace;
  }

  addressOf(number: number): string {
    return `${this.scene.network}.${10 + number}`;
  }

  namespaceOf(number: number): string {
    return `${this.scene.bridge}n${number}`;
  }
}

/** Packets vanish: nobody gets an error, only silence. */
export function dropPackets(namespace: string): void {
  drop(namespace, 'INPUT', ['!', '-i', 'lo']);
  drop(namespace, 'OUTPUT', ['!', '-o', 'lo']);
}

/** As above, only between this host and the databases at this address. */
export function dropDatabasePackets(namespace: string, { host, ports }: DatabaseEnds): void {
  const range = `${Math.min(...ports)}:${Math.max(...ports)}`;
  drop(namespace, 'INPUT', ['-s', host, '-p', 'tcp', '--sport', range]);
  drop(namespace, 'OUTPUT', ['-d', host, '-p', 'tcp', '--dport', range]);
}

export interface DatabaseEnds {
  readonly host: string;
  readonly ports: readonly number[];
}

/** The cable is pulled: the host knows at once. */
export function pullCable(namespace: string): void {
  ip('-n', namespace, 'link', 'set', 'eth0', 'down');
}

/** Whatever was done to its network. Does nothing to a healthy one. */
export function healNetwork(namespace: string): void {
  spawnSync('ip', ['netns', 'exec', namespace, 'iptables', '-F']);
  spawnSync('ip', ['-n', namespace, 'link', 'set', 'eth0', 'up']);
}

export function pidsIn(namespace: string): readonly number[] {
  const listed = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  return listed.stdout.split('\n').filter(Boolean).map(Number);
}

function drop(namespace: string, chain: 'INPUT' | 'OUTPUT', which: readonly string[]): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'iptables', '-A', chain, ...which, '-j', 'DROP'], {
    stdio: 'pipe',
  });
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: 'pipe' });
}
