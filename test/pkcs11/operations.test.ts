/** Every operation of PKCS#11 through the library, against the real appliance: states, buffers, parameters, known answers. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { type Appliance, type Secrets, startAppliance } from '#test/appliance.ts';
import { buildModule, buildProgram, Configuration, MODULE, run } from './programs.ts';

describe('the operations of the module', { timeout: 300_000 }, () => {
  let appliance: Appliance;
  let secrets: Secrets;
  let configuration: Configuration;

  before(async () => {
    buildModule();
    appliance = await startAppliance();
    secrets = await appliance.setUp();
    configuration = new Configuration(appliance.rpcPort, { fingerprint: appliance.fingerprint });
  });

  after(async () => {
    configuration.remove();
    await appliance.stop();
  });

  /** Each program logs in, makes session objects, checks, and says on stderr what is wrong. */
  const passes = async (program: string, ...args: string[]): Promise<void> => {
    const { status, signal, stderr } = await run(buildProgram(program), [MODULE, ...args], { configuration });
    assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
  };

  it('digests, saves digests, and does two things at once', () => passes('digesting'));
  it('encrypts and decrypts with AES', () => passes('ciphers'));
  it('encrypts more than one request takes', () => passes('streams'));
  it('encrypts message by message', () => passes('messaging'));
  it('signs and verifies on curves, with MACs and post-quantum keys', () => passes('signing'));
  it('signs and verifies with RSA', () => passes('signing_rsa'));
  it('takes no signature that only looks right', () => passes('forgeries'));
  it('encrypts with RSA, and asks for the PIN for each use', () => passes('rsa', secrets.userPin));
  it('generates, derives and encapsulates keys', () => passes('keys'));
  it('wraps and unwraps keys', () => passes('wrapping'));
  it('creates, copies, changes and reads objects', () => passes('objects'));
});
