import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError } from '#src/config/errors.ts';
import {
  formatHsmConf,
  hsmConfPath,
  type HsmConf,
  parseHsmEndpoint,
  readHsmEndpoint,
  writeHsmConf,
} from '#src/config/hsm-conf.ts';

const FINGERPRINT = 'ab'.repeat(32);

/** The file as the vendor's findHSM writes it. */
const VENDOR = [
  '<?xml version="1.0" encoding="utf-8" ?>',
  '<diamondhsm>',
  '  <cty>',
  '    <IP>10.1.10.194</IP>',
  '    <port>8081</port>',
  '    <servername>dks-hsm</servername>',
  '    <serial>1000-0002</serial>',
  '  </cty>',
  '  <rpc>',
  '    <IP>10.1.10.194</IP>',
  '    <port>8080</port>',
  '    <servername>dks-hsm</servername>',
  '    <serial>1000-0002</serial>',
  '  </rpc>',
  '</diamondhsm>',
].join('\r\n');

const COMMON = { ip: '10.1.10.194', servername: 'dks-hsm', serial: '1000-0002' };
const CONF: HsmConf = { cty: { ...COMMON, port: 8081 }, rpc: { ...COMMON, port: 8080 } };

const parse = (text: string) => parseHsmEndpoint(text, 'cty', '/x/hsm.conf');
const withIp = (ip: string): string => VENDOR.replaceAll('10.1.10.194', ip);

describe('hsm.conf', () => {
  it('is written in the vendor layout', () => {
    assert.equal(formatHsmConf(CONF), VENDOR);
  });

  it('is read in the vendor layout, both parts', () => {
    assert.deepEqual(parse(VENDOR), CONF.cty);
    assert.deepEqual(parseHsmEndpoint(VENDOR, 'rpc', 'f'), CONF.rpc);
  });

  it('keeps a fingerprint, in any notation', () => {
    const conf = { ...CONF, cty: { ...CONF.cty, fingerprint: FINGERPRINT } };
    assert.deepEqual(parse(formatHsmConf(conf)), conf.cty);
    const colons = FINGERPRINT.toUpperCase().match(/../g)!.join(':');
    assert.deepEqual(parse(formatHsmConf(conf).replace(FINGERPRINT, colons)), conf.cty);
  });

  it('tolerates comments, white space, attributes, unknown elements, a missing root and a BOM', () => {
    const text =
      '\ufeff<!-- <cty><IP>1.2.3.4</IP></cty> --><cty id="1">\n<IP >\n 10.1.10.194\t</IP>\n<!-- x --><port> 8081 </port>' +
      '<room>4 & 5</room><serial>1000-0002</serial><servername>dks-hsm</servername ></cty>';
    assert.deepEqual(parse(text), CONF.cty);
  });

  it('accepts host names and IPv6 addresses', () => {
    assert.equal(parse(withIp('hsm-1.example.net')).ip, 'hsm-1.example.net');
    assert.equal(parse(withIp('localhost')).ip, 'localhost');
    assert.equal(parse(withIp('fd00::1')).ip, 'fd00::1');
    assert.equal(parse(withIp('[fd00::1]')).ip, 'fd00::1');
  });

  it('reads back what it writes with special characters', () => {
    const conf = { ...CONF, cty: { ...CONF.cty, serial: `a&b<c>"d&amp;` } };
    assert.deepEqual(parse(formatHsmConf(conf)), conf.cty);
  });

  for (const [what, text, message] of [
    ['an empty file', '', /<cty> is missing/],
    ['a part that is not closed', VENDOR.replace('</cty>', ''), /<cty> is missing or not closed/],
    ['a missing element', VENDOR.replace(/<serial>.*<\/serial>/, ''), /<serial> in <cty> is missing/],
    ['an element that is not closed', VENDOR.replace('</port>', ''), /<port> in <cty>/],
    ['an empty element', VENDOR.replace('dks-hsm', ''), /<servername> in <cty> is empty/],
    ['an open comment', `${VENDOR}<!-- `, /comment/],
    ['port 0', VENDOR.replace('8081', '0'), /<port> in <cty> must be a number from 1 to 65535, not 0/],
    ['a port too high', VENDOR.replace('8081', '65536'), /<port>/],
    ['a port that is no number', VENDOR.replace('8081', '80a1'), /<port>/],
    ['an octet too high', withIp('10.1.10.256'), /<IP> in <cty> is neither an address nor a host name/],
    ['an address with a blank', withIp('10.1. 10.1'), /<IP>/],
    ['a fingerprint too short', VENDOR.replace('</cty>', '<fingerprint>abc</fingerprint></cty>'), /<fingerprint>/],
  ] as const) {
    it(`names file and element for ${what}`, () => {
      assert.throws(
        () => parse(text),
        (error) =>
          error instanceof ConfigError && error.message.startsWith('/x/hsm.conf: ') && message.test(error.message),
      );
    });
  }

  it('is found by option, environment variable and default', () => {
    assert.equal(hsmConfPath('/a', { DIAMOND_HSM_CONFIG_PATH: '/b' }), '/a/hsm.conf');
    assert.equal(hsmConfPath(undefined, { DIAMOND_HSM_CONFIG_PATH: '/b' }), '/b/hsm.conf');
    assert.equal(hsmConfPath(undefined, {}), '/etc/dkey/hsm/hsm.conf');
  });

  it('is written as a whole with mode 0644 into a new folder, and read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dks-conf-'));
    try {
      const path = join(folder, 'new', 'hsm.conf');
      await writeHsmConf(path, CONF);
      assert.equal(await readFile(path, 'utf8'), VENDOR);
      assert.equal((await stat(path)).mode & 0o777, 0o644);
      assert.deepEqual(await readHsmEndpoint(path, 'rpc'), CONF.rpc);
      await assert.rejects(readHsmEndpoint(join(folder, 'hsm.conf'), 'cty'), /does not exist.*--config-path/);
      await writeFile(path, 'x'.repeat(70_000));
      await assert.rejects(readHsmEndpoint(path, 'cty'), /too long/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
