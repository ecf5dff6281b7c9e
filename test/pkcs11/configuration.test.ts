/** hsm.conf, the server's key, and where messages go. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { CKR } from '#src/cryptoki/constants.ts';
import { FakeAppliance } from './fake-appliance.ts';
import { buildProgram, Configuration, MODULE, type Result, run, start } from './programs.ts';

const rv = (value: number): string => `0x${value.toString(16)}`;

describe('configuration of the module', { timeout: 120_000 }, () => {
  let program: string;
  let appliance: FakeAppliance;
  let configuration: Configuration;
  let rpc: string;

  before(async () => {
    program = buildProgram('steps');
    appliance = await FakeAppliance.start();
    configuration = new Configuration(appliance.port);
    rpc = `<IP>127.0.0.1</IP><port>${appliance.port}</port><servername>dks-hsm</servername><serial>1</serial>`;
  });

  after(async () => {
    configuration.remove();
    await appliance.stop();
  });

  const token = (env: Readonly<Record<string, string>> = {}): Promise<Result> =>
    run(program, [MODULE, 'init', 'token', 'finalize'], { configuration, env });

  const trusted = () => join(configuration.folder, 'known_hsms');

  it('names a missing file and what to do', async () => {
    const result = await token({ DIAMOND_HSM_CONFIG_PATH: '/nonexistent' });
    assert.match(result.stdout, new RegExp(`init ${rv(CKR.GENERAL_ERROR)}\n`));
    assert.match(
      result.stderr,
      /^libcryptechdks-pkcs11: cannot read \/nonexistent\/hsm\.conf: No such file or directory; write the file as the manual tells/,
    );
  });

  for (const element of ['IP', 'port', 'servername', 'serial']) {
    it(`names the missing element ${element}`, async () => {
      configuration.write(`<rpc>${rpc.replace(new RegExp(`<${element}>.*</${element}>`), '')}</rpc>`);
      const result = await token();
      assert.match(result.stdout, new RegExp(`init ${rv(CKR.GENERAL_ERROR)}\n`));
      assert.ok(
        result.stderr.includes(`${configuration.path}: the element <${element}> of section <rpc> is missing`),
        result.stderr,
      );
    });
  }

  it('refuses what makes no sense', async () => {
    for (const [text, message] of [
      ['', /the section <rpc> is missing/],
      ['<rpc>', /the section <rpc> is missing/],
      ['<rpc', /the section <rpc> is missing/],
      [`<!-- <rpc>${rpc}</rpc> -->`, /the section <rpc> is missing/],
      [`<!-- <rpc>${rpc}</rpc>`, /the section <rpc> is missing/],
      [`<rpc>${rpc.replace(/<port>\d+/, '<port>0')}</rpc>`, /must be a number from 1 to 65535/],
      [`<rpc>${rpc.replace(/<port>\d+/, '<port>8080x')}</rpc>`, /must be a number from 1 to 65535/],
      [`<rpc>${rpc}<fingerprint>12:34</fingerprint></rpc>`, /must be 64 hex digits/],
      [`<rpc>${rpc.replace('127.0.0.1', 'x'.repeat(300))}</rpc>`, /element <IP> of section <rpc> is missing/],
    ] as const) {
      configuration.write(text);
      const result = await token();
      assert.match(result.stdout, new RegExp(`init ${rv(CKR.GENERAL_ERROR)}\n`), text);
      assert.match(result.stderr, message);
    }
  });

  it('reads what other programs write, with comments and white space', async () => {
    for (const text of [
      `<rpc>${rpc}</rpc>`,
      `<?xml version="1.0"?>\r\n<diamondhsm><cty><IP>192.0.2.1</IP><port>1</port></cty><rpc>${rpc}</rpc></diamondhsm>`,
      `<diamondhsm>\n<!-- old: <rpc><IP>192.0.2.1</IP></rpc> -->\n< rpc >${rpc.replaceAll('>127', '>\n\t 127 ')}</ rpc ></diamondhsm>`.replace(
        '127 .0',
        '127.0',
      ),
      `<RPC kind="a">${rpc.replace('127.0.0.1', 'localhost')}<other>x</other></RPC>`,
    ]) {
      configuration.write(text);
      const result = await token();
      assert.match(result.stdout, /token 0x0\n/, `${text}\n${result.stderr}`);
    }
  });

  it('remembers the key of the appliance on first use and refuses another', async () => {
    configuration.write(`<rpc>${rpc}</rpc>`);
    writeFileSync(trusted(), '# appliances\n192.0.2.1 8080 00\n');
    assert.match((await token()).stdout, /token 0x0\n/);
    assert.equal(
      readFileSync(trusted(), 'utf8'),
      `# appliances\n192.0.2.1 8080 00\n127.0.0.1 ${appliance.port} ${appliance.fingerprint}\n`,
    );
    assert.equal((await token()).stderr, '');

    await appliance.stop();
    const impostor = new FakeAppliance(FakeAppliance.otherIdentity());
    impostor.port = appliance.port;
    await impostor.listen();
    try {
      const result = await run(program, [MODULE, 'init', 'present', 'token', 'open', 'finalize'], { configuration });
      assert.match(result.stdout, /present 0x0 0\n/);
      assert.doesNotMatch(result.stdout, /(token|open) 0x0\n/);
      assert.match(result.stderr, /refused: the HSM at .* has another key than at first use/);
      assert.equal(impostor.count('HELLO'), 0);

      configuration.write(`<rpc>${rpc}<fingerprint>${appliance.fingerprint}</fingerprint></rpc>`);
      const pinned = await token();
      assert.match(pinned.stderr, /is not the HSM of .*; its key has the fingerprint/);
      assert.equal(impostor.count('HELLO'), 0);

      const colons = (impostor.fingerprint.toUpperCase().match(/../g) ?? []).join(':');
      configuration.write(`<rpc>${rpc}<fingerprint>${colons}</fingerprint></rpc>`);
      assert.match((await token()).stdout, /token 0x0\n/);
    } finally {
      await impostor.stop();
      await appliance.listen();
    }
  });

  it('says that a key is not checked, if it cannot be remembered', async () => {
    const other = new Configuration(appliance.port);
    symlinkSync('/nonexistent/known_hsms', join(other.folder, 'known_hsms'));
    const result = await run(program, [MODULE, 'init', 'token', 'finalize'], { configuration: other });
    other.remove();
    assert.match(result.stdout, /token 0x0\n/);
    assert.match(result.stderr, /^libcryptechdks-pkcs11: the identity of the HSM at .* is not checked.*\n$/);
    assert.ok(result.stderr.includes(`<fingerprint>${appliance.fingerprint}</fingerprint>`));
  });

  it('sends no PIN to a server whose key is another than before', async () => {
    const other = new Configuration(appliance.port);
    symlinkSync('/nonexistent/known_hsms', join(other.folder, 'known_hsms'));
    const steps = ['init', 'open', 'login=user-4711', 'wait', 'random', 'finalize'];
    const env = { DKS_PKCS11_RETRY_SECONDS: '1' };
    const running = start(program, [MODULE, ...steps], { configuration: other, env });
    await running.printed('waiting');
    await appliance.stop();
    const impostor = new FakeAppliance(FakeAppliance.otherIdentity());
    impostor.port = appliance.port;
    await impostor.listen();
    running.send('');
    const result = await running.result;
    await impostor.stop();
    await appliance.listen();
    other.remove();
    assert.match(result.stdout, new RegExp(`random ${rv(CKR.DEVICE_ERROR)}\n`));
    assert.match(result.stderr, /has another key than before/);
    assert.equal(impostor.count('LOGIN'), 0);
  });

  it('does not take an appliance for unknown because its line was cut short, and leaves the lines of others whole', async () => {
    const other = new Configuration(appliance.port);
    const file = join(other.folder, 'known_hsms');
    const attempt = () => run(program, [MODULE, 'init', 'token', 'finalize'], { configuration: other });
    writeFileSync(file, `127.0.0.1 ${appliance.port}\n`);
    const damaged = await attempt();
    assert.doesNotMatch(damaged.stdout, /token 0x0\n/);
    assert.match(damaged.stderr, /refused: the HSM at .* has another key than at first use/);

    // An editor left the last line without its end.
    const line = `10.0.0.1 8080 ${'22'.repeat(32)}`;
    writeFileSync(file, line);
    assert.match((await attempt()).stdout, /token 0x0\n/);
    assert.equal(readFileSync(file, 'utf8'), `${line}\n127.0.0.1 ${appliance.port} ${appliance.fingerprint}\n`);
    other.remove();
  });

  it('refuses any server if it cannot read which one is the right one', async () => {
    const other = new Configuration(appliance.port);
    mkdirSync(join(other.folder, 'known_hsms'));
    const result = await run(program, [MODULE, 'init', 'token', 'finalize'], { configuration: other });
    other.remove();
    assert.doesNotMatch(result.stdout, /token 0x0\n/);
    assert.match(result.stderr, /refused: cannot read .*known_hsms/);
  });

  it('writes messages where DKS_PKCS11_LOG says', async () => {
    const file = join(configuration.folder, 'log');
    const missing = { DIAMOND_HSM_CONFIG_PATH: '/nonexistent' };
    assert.equal((await token({ ...missing, DKS_PKCS11_LOG: 'none' })).stderr, '');
    assert.notEqual((await token({ ...missing, DKS_PKCS11_LOG: 'stderr' })).stderr, '');
    assert.ok(!existsSync(file));
    assert.equal((await token({ ...missing, DKS_PKCS11_LOG: file })).stderr, '');
    assert.match(readFileSync(file, 'utf8'), /^libcryptechdks-pkcs11: cannot read .*\n$/);
  });
});
