/**
 * The promise of a hash-based key: no leaf signs two messages, whenever the device dies. It is killed again and again in the
 * middle of its work, and every signature that ever came out is looked at by another implementation.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { CKM } from '#src/cryptoki/constants.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { hssLevels, publicKeyOfSpki } from '#test/crypto/rfc8554.ts';
import { type DeviceLink, DeviceUnderTest, NO_BYTES, setUp, USER } from './device-under-test.ts';

/** Kills of each of the two devices. */
const KILLS = 100;
/** Requests in flight. */
const CLIENTS = 6;
/** A kill comes at a random moment of this time after the first signature of a life, or in one life of four after the start. */
const MOMENTS_MS = 20;

const EPOCH = ['--epoch', '5a'.repeat(16)];

interface Released {
  readonly spki: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

interface Kind {
  readonly levels: number;
  readonly lms: number;
}

async function makeKey(link: DeviceLink, { levels, lms }: Kind): Promise<{ key: Uint8Array; spki: Uint8Array }> {
  const flags = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE;
  const { pkey, uuid } = await link.call('PKEY_GENERATE_HASHSIG', USER, { session: 0, levels, lms, lmots: 2, flags });
  const { der } = await link.call('PKEY_GET_PUBLIC_KEY', USER, { pkey, derMax: 85 });
  return { key: uuid, spki: der };
}

/** Signs, kills and starts again; every signature that the device sent. */
async function signAndKill(kind: Kind): Promise<Released[]> {
  await using device = await DeviceUnderTest.create();
  let link = await device.start(...EPOCH);
  await setUp(link);
  const ticket = await link.call('LOGIN_TICKET', USER, {});
  const released: Released[] = [];
  let current = await makeKey(link, kind);
  for (let kill = 0; kill < KILLS; kill++) {
    const life = { dying: false, exhausted: false };
    const begun = Promise.withResolvers<void>();
    const client = async () => {
      while (!life.dying && !life.exhausted) {
        const { key, spki } = current;
        const message = crypto.getRandomValues(new Uint8Array(20));
        try {
          const request = { key, mechanism: CKM.HSS, parameter: NO_BYTES, data: message };
          const { signature } = await link.call('KEY_SIGN', USER, request);
          released.push({ spki, message, signature });
          begun.resolve();
        } catch (error) {
          assert.ok(error instanceof HalError);
          life.exhausted ||= error.status === HalStatus.HASHSIG_KEY_EXHAUSTED;
          begun.resolve();
          if (!life.exhausted) assert.equal(error.status, HalStatus.RPC_PROTOCOL_ERROR, error.message);
        }
      }
    };
    const clients = Array.from({ length: CLIENTS }, client);
    if (kill % 4 > 0) await begun.promise;
    await setTimeout(Math.random() * MOMENTS_MS);
    life.dying = true;
    await link.kill('SIGKILL');
    await Promise.all(clients);
    link = await device.start(...EPOCH);
    await link.call('LOGIN_RESUME', USER, ticket);
    if (life.exhausted) current = await makeKey(link, kind);
  }
  return released;
}

/** Which leaf signed what, over all keys. */
function check(released: readonly Released[]): void {
  const signed = new Map<string, string>();
  const bottom = new Set<string>();
  for (const { spki, message, signature } of released) {
    const levels = hssLevels(publicKeyOfSpki(spki), message, signature);
    assert.ok(levels, 'every signature is valid');
    for (const [i, level] of levels.entries()) {
      const leaf = `${level.identifier} ${level.q}`;
      const what = level.message.toHex();
      assert.equal(signed.get(leaf) ?? what, what, `leaf ${leaf} signed two things`);
      signed.set(leaf, what);
      if (i < levels.length - 1) continue;
      assert.ok(!bottom.has(leaf), `leaf ${leaf} was used twice`);
      bottom.add(leaf);
    }
  }
  assert.equal(bottom.size, released.length);
}

describe('a device that is killed while it signs', () => {
  test(`uses no leaf twice in ${2 * KILLS} lives`, async (context) => {
    const all = await Promise.all([signAndKill({ levels: 3, lms: 5 }), signAndKill({ levels: 1, lms: 6 })]);
    for (const released of all) {
      context.diagnostic(`${released.length} signatures`);
      assert.ok(released.length > 2 * KILLS);
      check(released);
    }
  });
});
