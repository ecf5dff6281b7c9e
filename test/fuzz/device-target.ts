/** Frames against the dispatcher of a device: always one reply, and nothing is left when the connections end. */

import assert from 'node:assert/strict';
import { answerAll } from '#src/device/answer.ts';
import { type Device } from '#src/device/device.ts';
import { User } from '#src/wire/enumerations.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { Bug } from '#src/wire/status.ts';
import { Grammar, keyRequests } from './grammar.ts';
import { startInProcess } from './in-process.ts';
import { Random } from './random.ts';
import { checkReply, KnownSoFar } from './replies.ts';
import { withinTime } from './within-time.ts';

const LOGINS = [
  { connection: 101, user: User.NORMAL },
  { connection: 102, user: User.WHEEL },
  { connection: 103, user: User.SO },
  { connection: 104, user: User.NONE },
] as const;
/** Requests that arrive together. */
const BATCH = 32;
/** After so many frames all connections end and begin anew. */
const EPOCH = 8192;

/** These succeed only to make the device useless for the rest of the run, or take a whole PIN check each. */
const AVOIDED: ReadonlySet<string> = new Set([
  'MASTERKEY_SET',
  'MASTERKEY_CLEAR',
  'SET_PIN',
  'LOGIN',
  'LOGOUT',
  'LOGOUT_ALL',
  'PIN_REPLACE',
  'KEY_AUTHENTICATE',
  'SELF_TEST',
]);

const ALL = (Object.keys(operations) as OperationName[]).filter((name) => operations[name].leg !== 'mkm');

export async function fuzzDevice(seed: number, frames: number): Promise<void> {
  const inProcess = await startInProcess(1);
  try {
    const [device] = inProcess.devices as [Device];
    const random = new Random(seed);
    const usual = new Grammar(
      random,
      ALL.filter((name) => !AVOIDED.has(name)),
    );
    const any = new Grammar(random, ALL);
    const known = LOGINS.map(() => new KnownSoFar());
    for (let done = 0; done < frames; done += BATCH) {
      if (done % EPOCH === 0) beginEpoch(device);
      const who = random.below(LOGINS.length);
      const { connection, user } = LOGINS[who] as (typeof LOGINS)[number];
      if (done % EPOCH < LOGINS.length * BATCH) await teach(device, connection, known[who] as KnownSoFar);
      const grammar = user === User.NONE && random.oneIn(8) ? any : usual;
      const requests = Array.from({ length: Math.min(BATCH, frames - done) }, () =>
        grammar.request(connection, connection, known[who] as KnownSoFar),
      );
      const answered = requests.filter((request) => request.length >= 8);
      const replies = await withinTime(
        answers(
          device,
          requests.map((request) => Uint8Array.from(request)),
        ),
        () => requests.map((request) => request.toString('hex')).join('\n'),
      );
      assert.equal(replies.length, answered.length, 'every request has a reply');
      replies.forEach((reply, i) => {
        const request = answered[i] as Uint8Array;
        try {
          checkReply(request, reply);
        } catch (error) {
          throw new Bug(
            `${String(error)}\n${Buffer.from(request).toString('hex')}\n${inProcess.complaints.join('\n')}`,
          );
        }
        known[who]?.learn(reply);
      });
    }
    endAll(device);
    assert.deepEqual(inProcess.complaints, []);
  } finally {
    await inProcess.stop();
  }
}

function answers(device: Device, requests: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return Promise.all(answerAll(device, requests).map((reply) => Promise.resolve(reply)));
}

/** Makes keys whose handles later requests can hit. */
async function teach(device: Device, connection: number, known: KnownSoFar): Promise<void> {
  for (const reply of await answers(device, keyRequests(connection))) known.learn(reply);
}

function beginEpoch(device: Device): void {
  endAll(device);
  for (const { connection, user } of LOGINS) if (user !== User.NONE) device.logins.login(connection, user);
}

function endAll(device: Device): void {
  // Mutated frames may have logged in, or used, any number.
  for (const connection of device.logins.connections()) device.logout(connection);
  for (const { connection } of LOGINS) device.logout(connection);
  assert.equal(device.logins.size, 0);
  assert.equal(device.keys.volatileKeys, 0, 'session keys stay behind');
  assert.equal(device.handles.size, 0, 'key handles stay behind');
}
