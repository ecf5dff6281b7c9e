/** PIN functions: the rules, what is sent how often, and what becomes of a change whose reply is lost. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CKR } from '#src/cryptoki/constants.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type FakeAppliance, PIN, SO_PIN } from './fake-appliance.ts';
import { buildProgram, type Configuration, MODULE, run, SANITIZERS, start, VALGRIND } from './programs.ts';
import { stepsForEach } from './steps.ts';

describe('PIN functions of the module', { timeout: 120_000 }, () => {
  let program: string;
  let appliance: FakeAppliance;
  let configuration: Configuration;
  const { steps, begin } = stepsForEach((scene) => {
    ({ program, appliance, configuration } = scene);
  });

  /** The first reply to a function is lost after it was done. */
  const loseReply = (name: string): void => appliance.failOnce(name, 'closeAfter');

  it('follow the rules of PKCS#11, and read no byte behind a PIN', async () => {
    const result = await run(buildProgram('pins'), [MODULE, PIN, SO_PIN], { configuration });
    assert.deepEqual({ status: result.status, stderr: result.stderr }, { status: 0, stderr: '' });
    assert.equal(appliance.pin, PIN);
    assert.equal(appliance.soPin, SO_PIN);
  });

  it('do not send what cannot be a PIN', async () => {
    const result = await steps(
      'init',
      'open',
      'login',
      'login=abc',
      'set-pin=:user-0815',
      `set-pin=${PIN}:`,
      'finalize',
    );
    assert.match(result.stdout, /login 0xa0\nlogin 0xa2\nset-pin 0xa0\nset-pin 0xa2\n/);
    assert.equal(appliance.count('LOGIN') + appliance.count('PIN_CHANGE'), 0);
    assert.equal(appliance.wrongPins, 0);
  });

  it('log in with the new PIN after a change, when the connection is lost', async () => {
    const names = ['init', 'open', `login=${PIN}`, 'generate', `set-pin=${PIN}:user-0815`, 'wait', 'sign', 'finalize'];
    const running = begin(...names);
    await running.printed('waiting');
    appliance.dropConnections();
    running.send('');
    assert.match((await running.result).stdout, /set-pin 0x0\n.*sign 0x0\n/s);
    assert.equal(appliance.wrongPins, 0);
  });

  it('keep the login and succeed when the reply to a change is lost', async () => {
    loseReply('PIN_CHANGE');
    const names = ['init', 'open', `login=${PIN}`, 'generate', `set-pin=${PIN}:user-0815`, 'sign', 'state', 'finalize'];
    const result = await steps(...names);
    assert.match(result.stdout, /set-pin 0x0\nsign 0x0\nstate 0x0 3\n/);
    assert.equal(appliance.pin, 'user-0815');
  });

  it('find out without a login whether a change was made whose reply is lost', async () => {
    loseReply('PIN_CHANGE');
    const names = [`set-pin=${PIN}:user-0815`, 'state', 'set-pin=wrong:user-1234', 'login=user-0815', 'finalize'];
    const result = await steps('init', 'open', ...names);
    assert.match(result.stdout, /set-pin 0x0\nstate 0x0 2\nset-pin 0xa0\nlogin 0x0\n/);
    assert.equal(appliance.pin, 'user-0815');
  });

  it('say that a wrong old PIN is wrong, also when its reply was lost', async () => {
    loseReply('PIN_CHANGE');
    const result = await steps('init', 'open', `set-pin=wrong:user-0815`, `login=${PIN}`, 'finalize');
    assert.match(result.stdout, /set-pin 0xa0\nlogin 0x0\n/);
    assert.equal(appliance.pin, PIN);
  });

  it('give the PIN for one use of a key again when the connection is lost, and only for that use', async () => {
    loseReply('SIGN');
    const use = ['sign-begin', `context-login=${PIN}`, 'sign-end'];
    const names = ['init', 'open', `login=${PIN}`, 'generate-always', ...use, 'sign-begin', 'sign-end'];
    const result = await steps(...names, 'sign-begin', 'context-login=wrong', 'context-login', 'sign-end', 'finalize');
    const expected =
      /sign-begin 0x0\ncontext-login 0x0\nsign-end 0x0\nsign-begin 0x0\nsign-end 0x101\nsign-begin 0x0\ncontext-login 0xa0\ncontext-login 0xa0\nsign-end 0x101\n/;
    assert.match(result.stdout, expected);
    assert.equal(appliance.count('CONTEXT_LOGIN'), 3);
  });

  it('give the PIN for a key again on a connection that was lost before the use', async () => {
    const use = ['sign-begin', `context-login=${PIN}`, 'wait', 'sign-end'];
    const names = ['init', 'open', `login=${PIN}`, 'generate-always', ...use, 'finalize'];
    const running = begin(...names);
    await running.printed('waiting');
    appliance.loseLogins();
    running.send('');
    assert.match((await running.result).stdout, /context-login 0x0\nwaiting\nwait 0x0\nsign-end 0x0\n/);
  });

  it('initialize a token once only, whatever happens to the reply', async () => {
    loseReply('TOKEN_INITIALIZE');
    const result = await steps('init', `init-token=${SO_PIN}:Zone keys`, 'token', 'finalize');
    assert.match(result.stdout, new RegExp(`init-token 0x${CKR.DEVICE_REMOVED.toString(16)}\ntoken 0x0\n`));
    assert.equal(appliance.count('TOKEN_INITIALIZE'), 1);
    assert.equal(appliance.label, 'Zone keys');
  });

  it('initialize a token over a new connection when the old one has died unnoticed', async () => {
    const running = start(program, [MODULE, 'init', 'token', 'wait', `init-token=${SO_PIN}:A`, 'finalize'], {
      configuration,
    });
    await running.printed('waiting');
    appliance.dropConnections();
    running.send('');
    assert.match((await running.result).stdout, /init-token 0x0\n/);
    assert.equal(appliance.count('TOKEN_INITIALIZE'), 1);
  });

  it('pass on what the appliance says about a PIN', async () => {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(HalStatus.BAD_ARGUMENTS);
    appliance.fault = (name) => (name === 'PIN_CHANGE' || name === 'LOGIN' ? word : undefined);
    const result = await steps('init', 'open', `set-pin=${PIN}:user-0815`, `login=${PIN}`, 'finalize');
    assert.match(result.stdout, /set-pin 0xa2\nlogin 0xa2\n/);
  });

  it('leave no PIN in memory', { skip: SANITIZERS !== '' || VALGRIND }, async () => {
    const running = start(buildProgram('wiped'), [MODULE], { configuration });
    running.child.stdin?.end(`${PIN}\na new PIN of the user`);
    const { status, stderr } = await running.result;
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('keep PINs out of messages', async () => {
    appliance.fault = (name) => (name === 'PIN_CHANGE' || name === 'LOGIN' ? 'close' : undefined);
    const env = { DKS_PKCS11_RETRY_SECONDS: '0' };
    const names = ['init', 'open', `set-pin=${PIN}:user-0815`, `login=${PIN}`, 'finalize'];
    const result = await run(program, [MODULE, ...names], { configuration, env });
    assert.match(result.stderr, /was lost/);
    assert.doesNotMatch(result.stderr, /user-/);
  });
});
