/** Byte streams through real sockets, TLS and the internal one: every frame in them is answered, whatever surrounds it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { startRpc } from '#src/rpc/server.ts';
import { Limits, User } from '#src/wire/enumerations.ts';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';
import { Grammar } from './grammar.ts';
import { startInProcess, USER_PIN } from './in-process.ts';
import { Random } from './random.ts';
import { KnownSoFar } from './replies.ts';
import { withinTime } from './within-time.ts';

/** They take a whole PIN check each, or end the login. */
const AVOIDED: ReadonlySet<string> = new Set(['LOGIN', 'LOGOUT', 'LOGOUT_ALL', 'SET_PIN']);
const NAMES = (Object.keys(operations) as OperationName[]).filter((name) => !AVOIDED.has(name));
/** Messages in one stream. */
const BATCH = 64;

/** Sends streams and counts the replies. */
class Talker {
  readonly #socket: Socket;
  readonly #expected = new SlipDecoder(Limits.request);
  readonly #known = new KnownSoFar();
  #missing = 0;
  #onAll: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    const replies = new SlipDecoder(2 * Limits.ownMessage);
    socket.on('data', (chunk: Uint8Array) =>
      replies.push(chunk, (reply) => {
        assert.ok(reply.length >= 12);
        assert.notEqual(readStatus(reply), HalStatus.ASSERTION_FAILED);
        this.#known.learn(reply);
        if (--this.#missing === 0) this.#onAll();
      }),
    );
    socket.on('error', () => {});
  }

  get known(): KnownSoFar {
    return this.#known;
  }

  /** Sends a stream in pieces; resolves when every frame of eight bytes or more is answered. */
  async send(stream: Uint8Array, random: Random): Promise<void> {
    const answered = Promise.withResolvers<void>();
    this.#onAll = answered.resolve;
    const count = (frame: Uint8Array): void => {
      if (frame.length >= 8) this.#missing++;
    };
    this.#expected.push(stream, count, ({ head }) => count(head));
    if (this.#missing === 0) answered.resolve();
    for (let at = 0; at < stream.length;) {
      const size = random.oneIn(8) ? 1 + random.below(40) : 1 + random.below(4000);
      this.#socket.write(stream.subarray(at, at + size));
      at += size;
      if (random.oneIn(16)) await new Promise(setImmediate);
    }
    await withinTime(
      answered.promise,
      () => `${this.#missing} replies are missing: ${Buffer.from(stream).toString('hex')}`,
    );
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

export async function fuzzSockets(seed: number, frames: number): Promise<void> {
  const inProcess = await startInProcess(1);
  const { fleet, token, log, state } = inProcess;
  const now = new Date();
  const tls = createServerCertificate({ commonName: 'dks-hsm', addresses: [], notBefore: now, days: 1 });
  const rpc = await startRpc({ host: '127.0.0.1', port: 0, tls, fleet, token, log });
  const path = join(state, 'run', 'rpc');
  try {
    await rpc.openInternal({ path, address: () => '127.0.0.1' });
    const random = new Random(seed);
    const grammar = new Grammar(random, NAMES);
    const secure = connectTls({ host: '127.0.0.1', port: rpc.port, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    const talkers = [new Talker(secure), new Talker(connectSocket(path))];
    const login = encodeFrame(encodeRequest('LOGIN', 0, { user: User.NORMAL, pin: USER_PIN }));
    for (const talker of talkers) await talker.send(login, random);
    const share = frames / talkers.length;
    await Promise.all(
      talkers.map(async (talker) => {
        for (let done = 0; done < share; done += BATCH) {
          const messages = Array.from({ length: BATCH }, () => grammar.request(random.word(), 0, talker.known));
          await talker.send(grammar.stream(messages), random);
        }
        // The connection still works. A frame may have been left open.
        await talker.send(Buffer.concat([Buffer.of(0xc0), encodeFrame(encodeRequest('GET_VERSION', 1, {}))]), random);
        await talker.close();
      }),
    );
    assert.deepEqual(inProcess.complaints, []);
  } finally {
    await rpc.close();
    assert.equal(rpc.connections, 0);
    await inProcess.stop();
  }
}
