import { expect, test } from 'vitest';
import { readAgentConfig } from './config.ts';

const configOf = (address: string) =>
  readAgentConfig({ controller: 'http://127.0.0.1:1', token: 'hf_test', address }, {});

test.each(['127.0.0.1', 'fd00::1', 'host-1.example.com.', 'app_agent_1'])(
  'an address may be %s',
  (address) => {
    expect(configOf(address).address).toBe(address);
  },
);

test.each(['10.0.0.1:8080', 'http://host', 'fe80::1%eth0', '[fd00::1]', 'a b', 'user@host', ''])(
  'an address that is none is refused with what was expected: %j',
  (address) => {
    expect(() => configOf(address)).toThrow(/expected --address as the host name or IP address/);
  },
);
