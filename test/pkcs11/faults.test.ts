/** The library when things go wrong: lost connections, restarts, lost logins, locked appliances, malformed replies. */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { CKR } from '#src/cryptoki/constants.ts';
import { ApplianceState } from '#src/wire/enumerations.ts';
import { CKR_STATUS_BASE, HalStatus } from '#src/wire/status.ts';
import { type FakeAppliance, type Fault } from './fake-appliance.ts';
import { buildProgram, Configuration, MODULE, type Result, run, start } from './programs.ts';
import { stepsForEach } from './steps.ts';

const LOGGED_IN = ['init', 'open', 'login=user-4711', 'generate'];

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** The result of the last step of a name. */
function step(result: Result, name: string): string | undefined {
  const lines = result.stdout.split('\n').filter((line) => line.startsWith(`${name} `));
  return lines.at(-1)?.slice(name.length + 1);
}

function rv(value: number): string {
  return `0x${value.toString(16)}`;
}

describe('the module in trouble', { timeout: 300_000 }, () => {
  let program: string;
  let appliance: FakeAppliance;
  let configuration: Configuration;
  const { steps, begin } = stepsForEach((scene) => {
    ({ program, appliance, configuration } = scene);
  });

  const once = (name: string, what: Fault): void => appliance.failOnce(name, what);

  it('does not take a search as answered while the login could not be restored', async () => {
    const running = begin(...LOGGED_IN, 'wait', 'find', 'finalize');
    await running.printed('waiting');
    // As an appliance that is unlocked only after the library has come back.
    once('LOGIN', word(HalStatus.FORBIDDEN));
    appliance.dropConnections();
    running.send('');
    assert.equal(step(await running.result, 'find'), '0x0 2');
  });

  it('connects again and logs in again in the middle of a run', async () => {
    const running = begin(...LOGGED_IN, 'wait', 'sign', 'find', 'wait', 'sign*5', 'finalize');
    await running.printed('waiting');
    appliance.dropConnections();
    running.send('');
    await running.printed('find 0x0 2');
    await appliance.stop();
    setTimeout(() => void appliance.listen(), 700);
    running.send('');
    const result = await running.result;
    assert.equal(step(result, 'sign'), '0x0');
    assert.equal(step(result, 'finalize'), '0x0');
    assert.equal(appliance.connections, 3);
    assert.equal(appliance.count('LOGIN'), 3);
    assert.match(result.stderr, /was lost; connecting again/);
  });

  it('repeats a request whose reply was lost', async () => {
    once('SIGN', 'closeAfter');
    const result = await steps(...LOGGED_IN, 'sign', 'finalize');
    assert.equal(step(result, 'sign'), '0x0');
    assert.equal(appliance.count('SIGN'), 2);
  });

  it('never generates a key twice', async () => {
    once('KEY_PAIR_GENERATE', 'closeAfter');
    const result = await steps(...LOGGED_IN, 'sign', 'finalize');
    assert.equal(step(result, 'sign'), '0x0');
    assert.equal(appliance.count('KEY_PAIR_GENERATE'), 2);
    assert.equal(appliance.objects.size, 2);
  });

  it('takes a repeated destruction of a key that is gone as done', async () => {
    once('OBJECT_DESTROY', 'closeAfter');
    const result = await steps(...LOGGED_IN, 'destroy', 'destroy', 'finalize');
    assert.match(result.stdout, /destroy 0x0\ndestroy 0x82\n/);
    assert.equal(appliance.objects.size, 1);
  });

  it('gives up on a request that ends the connection every time', async () => {
    appliance.fault = (name) => (name === 'SIGN' ? 'close' : undefined);
    const result = await steps(...LOGGED_IN, 'sign', 'find', 'finalize');
    assert.equal(step(result, 'sign'), rv(CKR.DEVICE_REMOVED));
    assert.equal(step(result, 'find'), '0x0 2');
    assert.ok(appliance.count('SIGN') <= 4);
  });

  it('restores a login that the appliance has lost, once for all threads', async () => {
    const running = begin(...LOGGED_IN, 'wait', 'sign', 'finalize');
    await running.printed('waiting');
    appliance.loseLogins();
    running.send('');
    assert.equal(step(await running.result, 'sign'), '0x0');
    assert.equal(appliance.count('LOGIN'), 2);
    assert.equal(appliance.connections, 1);
  });

  it('tries again while the appliance cannot log anybody in', async () => {
    const running = begin(...LOGGED_IN, 'sign', 'wait', 'sign', 'finalize');
    await running.printed('waiting');
    let refusals = 3;
    appliance.fault = (name) => (name === 'LOGIN' && refusals-- > 0 ? word(HalStatus.FORBIDDEN) : undefined);
    appliance.dropConnections();
    running.send('');
    assert.equal(step(await running.result, 'sign'), '0x0');
    assert.ok(refusals <= 0);
  });

  it('forgets a PIN that has become wrong', async () => {
    const running = begin(...LOGGED_IN, 'wait', 'sign', 'sign', 'state', 'login=user-0815', 'sign', 'finalize');
    await running.printed('waiting');
    appliance.pin = 'user-0815';
    appliance.dropConnections();
    running.send('');
    const result = await running.result;
    assert.match(result.stdout, /sign 0x101\nsign 0x101\nstate 0x0 2\nlogin 0x0\nsign 0x0\n/);
    assert.match(result.stderr, /refused the PIN when the login was restored/);
    // The first login, one attempt to restore it, the second login.
    assert.equal(appliance.count('LOGIN'), 3);
  });

  it('waits for an appliance that is locked after a restart', async () => {
    const running = begin(...LOGGED_IN, 'sign', 'wait', 'sign', 'finalize');
    await running.printed('waiting');
    appliance.state = ApplianceState.LOCKED;
    appliance.dropConnections();
    setTimeout(() => (appliance.state = ApplianceState.OPERATIONAL), 500);
    running.send('');
    const result = await running.result;
    assert.equal(step(result, 'sign'), '0x0');
    assert.match(result.stderr, /is locked: log in with dks_setup_console/);
  });

  for (const [state, message] of [
    [ApplianceState.LOCKED, /is locked: log in with dks_setup_console/],
    [ApplianceState.NO_MASTER_KEY, /has no master key/],
    [ApplianceState.TAMPER, /reports tampering/],
  ] as const) {
    it(`says at once what is the matter with an appliance in state ${state}`, async () => {
      appliance.state = state;
      const result = await steps('init', 'present', 'token', 'open', 'login=user-4711', 'state', 'finalize');
      assert.equal(step(result, 'present'), '0x0 1');
      assert.equal(step(result, 'token'), '0x0');
      assert.equal(step(result, 'open'), '0x0');
      assert.equal(step(result, 'login'), rv(CKR.DEVICE_ERROR));
      assert.equal(step(result, 'state'), '0x0 2');
      assert.match(result.stderr, message);
      // Each kind of message once per minute.
      assert.equal(result.stderr.trim().split('\n').length, 1);
      assert.doesNotMatch(result.stderr, /user-4711/);
    });
  }

  it('says what to check if the appliance is not there', async () => {
    const { port } = appliance;
    await appliance.stop();
    const result = await steps('init', 'slots', 'present', 'token', 'open', 'finalize');
    assert.equal(step(result, 'init'), '0x0');
    assert.equal(step(result, 'slots'), '0x0 1');
    assert.equal(step(result, 'present'), '0x0 0');
    assert.equal(step(result, 'token'), rv(CKR.TOKEN_NOT_PRESENT));
    assert.equal(step(result, 'open'), rv(CKR.TOKEN_NOT_PRESENT));
    assert.match(
      result.stderr,
      new RegExp(`127\\.0\\.0\\.1 port ${port}: Connection refused; check that the HSM is running`),
    );
  });

  it('leaves the token in its slot while the appliance is away', async () => {
    const running = start(program, [MODULE, ...LOGGED_IN, 'token', 'wait', 'present', 'token', 'open', 'finalize'], {
      configuration,
    });
    await running.printed('waiting');
    await appliance.stop();
    running.send('');
    const result = await running.result;
    assert.match(result.stdout, /present 0x0 1\ntoken 0x0\nopen 0x0\n/);
  });

  it('gives up on an appliance that does not come back', async () => {
    const running = start(program, [MODULE, ...LOGGED_IN, 'wait', 'sign', 'finalize'], {
      configuration,
      env: { DKS_PKCS11_RETRY_SECONDS: '1' },
    });
    await running.printed('waiting');
    await appliance.stop();
    running.send('');
    const result = await running.result;
    assert.equal(step(result, 'sign'), rv(CKR.DEVICE_REMOVED));
    assert.equal(step(result, 'finalize'), '0x0');
  });

  const ok = word(HalStatus.OK);
  const malformed: [string, string, Fault][] = [
    ['no status', 'sign', Buffer.alloc(0)],
    ['half a status', 'sign', Buffer.alloc(2)],
    ['no signature', 'sign', ok],
    ['a signature that is too short', 'sign', Buffer.concat([ok, word(4), word(0)])],
    ['a signature that is too long', 'sign', Buffer.concat([ok, word(65), Buffer.alloc(68)])],
    ['a length beyond the message', 'sign', Buffer.concat([ok, word(0xffffffff), word(0)])],
    ['a count beyond the message', 'find', Buffer.concat([ok, word(0), word(1024)])],
    ['a count of 2^32 - 1', 'find', Buffer.concat([ok, word(0), word(0xffffffff), Buffer.alloc(64)])],
    [
      'an object without attributes list',
      'find',
      Buffer.concat([ok, word(0), word(1), word(16), Buffer.alloc(16, 1), word(2)]),
    ],
    ['a UUID of 15 bytes', 'find', Buffer.concat([ok, word(0), word(1), word(15), Buffer.alloc(16), word(0)])],
    [
      'an attribute that is too long',
      'find',
      Buffer.concat([
        ok,
        word(0),
        word(1),
        word(16),
        Buffer.alloc(16, 1),
        word(1),
        word(0),
        word(0x7fffffff),
        Buffer.alloc(4),
      ]),
    ],
    ['pages without end', 'find', Buffer.concat([ok, word(1), word(0)])],
    [
      'the same page again and again',
      'find',
      Buffer.concat([ok, word(1), word(1), word(16), Buffer.alloc(16, 1), word(0)]),
    ],
    ['random bytes that are missing', 'random', Buffer.concat([ok, word(3), word(0)])],
    ['a frame above all limits', 'random', Buffer.alloc(3 << 20)],
    ['a key pair of nothing', 'generate', ok],
  ];
  for (const [title, name, reply] of malformed) {
    it(`survives a reply with ${title}`, async () => {
      const functions: Record<string, string> = {
        sign: 'SIGN',
        find: 'OBJECT_FIND',
        random: 'GET_RANDOM',
        generate: 'KEY_PAIR_GENERATE',
      };
      const running = begin(...LOGGED_IN, 'wait', name, 'wait', 'sign', 'find', 'finalize');
      await running.printed('waiting');
      appliance.fault = (function_) => (function_ === functions[name] ? reply : undefined);
      running.send('');
      await running.printed(`wait 0x0\n${name} 0x`);
      appliance.fault = undefined;
      running.send('');
      const result = await running.result;
      assert.equal(result.signal, null);
      const [, bad] = new RegExp(`wait 0x0\\n${name} (0x[0-9a-f]+)`).exec(result.stdout) ?? [];
      assert.ok(
        [CKR.DEVICE_ERROR, CKR.DEVICE_REMOVED].some((value) => rv(value) === bad),
        bad ?? 'no result',
      );
      // Everything works again on a new connection. A failed C_GenerateKeyPair leaves the handles of the pair before.
      assert.equal(step(result, 'sign'), '0x0');
      assert.match(step(result, 'find') ?? '', /^0x0 [24]$/);
      assert.match(result.stderr, /malformed reply|was lost/);
    });
  }

  it('passes results of PKCS#11 on, and maps those of the protocol', async () => {
    for (const [status, expected] of [
      [CKR_STATUS_BASE + CKR.KEY_SIZE_RANGE, CKR.KEY_SIZE_RANGE],
      [HalStatus.NO_KEY_INDEX_SLOTS, CKR.DEVICE_MEMORY],
      [HalStatus.KEY_NOT_FOUND, CKR.KEY_HANDLE_INVALID],
      [HalStatus.KEYSTORE_ACCESS, CKR.DEVICE_ERROR],
    ] as const) {
      const running = begin(...LOGGED_IN, 'wait', 'sign', 'finalize');
      await running.printed('waiting');
      appliance.fault = (name) => (name === 'SIGN' ? word(status) : undefined);
      running.send('');
      assert.equal(step(await running.result, 'sign'), rv(expected));
      appliance.fault = undefined;
    }
  });

  it('ends waiting calls when the library is finalized', async () => {
    appliance.fault = (name) => (name === 'SIGN' ? 'silent' : undefined);
    const result = await run(buildProgram('finalize'), [MODULE], { configuration });
    assert.deepEqual({ status: result.status, stderr: result.stderr }, { status: 0, stderr: '' });
  });

  describe('with a server that speaks something else', () => {
    let server: Server;
    let other: Configuration;
    before(async () => {
      server = createServer((socket) => {
        socket.on('error', () => {});
        socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      other = new Configuration(typeof address === 'object' && address ? address.port : 0);
    });
    after(() => {
      other.remove();
      server.close();
    });

    it('says that there is no TLS', async () => {
      const result = await run(program, [MODULE, 'init', 'token', 'finalize'], { configuration: other });
      assert.equal(step(result, 'token'), rv(CKR.TOKEN_NOT_PRESENT));
      assert.match(result.stderr, /no TLS connection with the HSM at 127\.0\.0\.1 port \d+/);
    });
  });
});
