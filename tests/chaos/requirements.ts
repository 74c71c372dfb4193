import { spawnSync } from 'node:child_process';

/**
 * What this machine must have. A suite that left out what it cannot do would pass without having
 * tried, so anything missing ends it.
 */
export function missingRequirements(): readonly string[] {
  if (process.platform !== 'linux') return ['Linux: network namespaces are its own'];
  if (process.getuid?.() !== 0) return ['root: namespaces, bridges and packet filters are made'];
  const needs: readonly (readonly [string, ...string[]])[] = [
    ['ip', 'netns', 'list'],
    ['iptables', '--version'],
    ['git', '--version'],
  ];
  const missing = needs
    .filter(([command, ...words]) => !works(command, words))
    .map((words) => `\`${words.join(' ')}\` (Debian: iproute2, iptables, git)`);
  if (missing.length === 0 && !canMakeNamespaces())
    return ['network namespaces: `ip netns add`, a veth pair or `iptables` inside one is refused here'];
  return missing;
}

function canMakeNamespaces(): boolean {
  const name = `hfch${process.pid}try`;
  const made =
    works('ip', ['netns', 'add', name]) &&
    works('ip', ['-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']) &&
    works('ip', ['netns', 'exec', name, 'iptables', '-A', 'INPUT', '-j', 'DROP']);
  works('ip', ['netns', 'del', name]);
  return made;
}

function works(command: string, words: readonly string[]): boolean {
  return spawnSync(command, [...words], { stdio: 'ignore' }).status === 0;
}
