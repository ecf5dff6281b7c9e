/**
 * Random walks through the functions of a device. Whatever a user calls, no key that must stay inside comes out. `DKS_WALK_SEED` and
 * `DKS_WALKS` repeat and lengthen them.
 */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { CKM } from '#src/cryptoki/constants.ts';
import { keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { DEFAULT_POLICY, type Policy } from '#src/cryptoki/separation.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { Random } from '#test/fuzz/random.ts';
import { type Template, template } from '#test/token/templates.ts';
import { OpenDevice, USERS } from './open-device.ts';
import { Finding, Walker } from './walker.ts';

const WALKS = Number(process.env['DKS_WALKS'] ?? 10_000);
const SEED = Number(process.env['DKS_WALK_SEED'] ?? randomInt(2 ** 31));
const STEPS = 12;

type Pair = ResultsOf<'KEY_PAIR_CREATE'>;

/** RSA pairs take their time, so all walks share a few. */
async function rsaPairs(device: OpenDevice, random: Random): Promise<Pair[]> {
  const kinds: [Template, Template][] = [
    [{ WRAP: true }, { UNWRAP: true }],
    [
      { WRAP: true, ENCRYPT: true },
      { UNWRAP: true, DECRYPT: true },
    ],
    [{ WRAP: true }, { UNWRAP: true, EXTRACTABLE: true }],
    [{ WRAP: true }, { UNWRAP: true, SIGN: true }],
  ];
  const pairs: Pair[] = [];
  for (const [publicValues, privateValues] of kinds) {
    const publicTemplate = template({ MODULUS_BITS: 3072, TOKEN: true, ...publicValues });
    const privateTemplate = template({ TOKEN: true, MODIFIABLE: false, ...privateValues });
    const request = keyPairRequest(CKM.RSA_PKCS_KEY_PAIR_GEN, publicTemplate, privateTemplate);
    const list = (attributes: ReadonlyMap<number, Uint8Array>): { type: number; value: Uint8Array }[] =>
      [...attributes].map(([type, value]) => ({ type, value }));
    // oxlint-disable-next-line no-await-in-loop -- four, at the start
    const pair = await device.call('KEY_PAIR_CREATE', USERS[0] as number, {
      session: 0,
      name: random.bytes(16),
      publicName: random.bytes(16),
      type: request.type,
      curve: request.curve,
      bits: request.bits,
      exponent: request.exponent,
      flags: request.privateKey.flags,
      publicFlags: request.publicKey.flags,
      attributes: list(request.privateKey.attributes),
      publicAttributes: list(request.publicKey.attributes),
    });
    pairs.push(pair);
  }
  return pairs;
}

interface Outcome {
  walks: number;
  requests: number;
  granted: number;
  secrets: number;
  finding: string | undefined;
}

/** Several walks at a time, each on a connection of its own. */
async function walkAll(policy: Policy, walks: number, seed: number): Promise<Outcome> {
  await using device = await OpenDevice.start(policy);
  const pairs = await rsaPairs(device, new Random(seed));
  const outcome: Outcome = { walks: 0, requests: 0, granted: 0, secrets: 0, finding: undefined };
  let next = seed;
  const walkOn = async (connection: number): Promise<void> => {
    while (next < seed + walks && outcome.finding === undefined) {
      const own = next++;
      const walker = new Walker(device, connection, new Random(own));
      try {
        // One walk in ten has RSA keys: their operations take a hundred times as long.
        // oxlint-disable-next-line no-await-in-loop -- a walk is one step after the other
        await walk(walker, own % 10 === 0 ? pairs[(own / 10) % pairs.length] : undefined);
      } catch (error) {
        if (!(error instanceof Finding)) throw error;
        outcome.finding = `${error.message} (DKS_WALK_SEED=${own} DKS_WALKS=1)\n${walker.log.join('\n')}`;
      } finally {
        device.forgetSessionKeys(connection);
      }
      outcome.walks++;
      outcome.granted += walker.granted;
      outcome.secrets += walker.model.secretCount;
    }
  };
  await Promise.all(USERS.map(walkOn));
  outcome.requests = device.requests;
  return outcome;
}

async function walk(walker: Walker, pair: Pair | undefined): Promise<void> {
  if (pair) {
    await walker.adopt(pair.privateKey);
    await walker.adopt(pair.publicKey);
  }
  await walker.walk(STEPS);
}

test(`${WALKS} random walks from seed ${SEED} reveal no key`, async (context) => {
  const { walks, requests, granted, secrets, finding } = await walkAll(DEFAULT_POLICY, WALKS, SEED);
  context.diagnostic(`${walks} walks, ${requests} requests, ${granted} granted, ${secrets} secrets to keep`);
  assert.equal(finding, undefined);
  assert.ok(granted > 2 * walks && secrets > walks, 'the walks reach something');
});

test('without the rules of separation they do', async () => {
  const { finding } = await walkAll({ ...DEFAULT_POLICY, keySeparation: 'standard' }, 2000, 1);
  assert.match(finding ?? 'nothing', /a secret/);
});
