/**
 * A board for tests: one of our device processes, strict about the vendor's ways, behind a line that is watched for
 * everything that would be wrong for a real board.
 */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import { silentLog } from '#src/audit/log.ts';
import { streamPair } from '#src/board/stream-pair.ts';
import { holder } from '#src/daemon/holder.ts';
import { type DeviceProcess } from '#src/fleet/device.ts';
import { spawnDevice } from '#src/fleet/device-process.ts';
import { User } from '#src/wire/enumerations.ts';
import { type ArgsOf, decodeResults, encodeRequest, readHeader, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName, operationOf } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';

const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';

export class BoardUnderTest {
  /** Functions asked on the line, in order. */
  readonly asked: OperationName[] = [];
  /** Largest number of requests under way. */
  mostInFlight = 0;
  /** What a real board would not have borne. */
  readonly faults: string[] = [];
  /** Its own, for the time of the test. */
  readonly folder: string;
  readonly #inFlight = new Set<number>();
  #process!: DeviceProcess;
  #line: { write(chunk: Uint8Array): void } | undefined;
  /** A function whose requests get lost on the way to the board. */
  deafTo: OperationName | undefined;

  static async start(): Promise<BoardUnderTest> {
    const board = new BoardUnderTest();
    await holder.ensure(board.#socket);
    await board.#powerOn();
    await board.#call('LOGIN', 1, { user: User.WHEEL, pin: Buffer.from(FACTORY_PIN) });
    await board.#call('MASTERKEY_SET', 0x8000_0001, { connection: 1, key: new Uint8Array(0) });
    await board.#call('LOGOUT', 1, {});
    return board;
  }

  private constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'dks-board-'));
    mkdirSync(join(this.folder, 'run'), { mode: 0o700 });
  }

  /** Connects a line: the stream is the computer's end. */
  plugIn(): Duplex {
    const [near, far] = streamPair();
    this.connect(far);
    return near;
  }

  /** Connects the far end of a line. */
  connect(far: Duplex): void {
    const decoder = new SlipDecoder(1 << 20);
    this.#inFlight.clear();
    this.#line = far;
    far.on('error', () => {});
    far.on('data', (chunk: Uint8Array) => {
      let lost = false;
      decoder.push(chunk, (request) => (lost = this.#watchRequest(request) === this.deafTo || lost));
      if (!lost || !this.deafTo) this.#process.stream.write(chunk);
    });
  }

  /** Off and on again: logins, handles and session keys are gone, keys and the master key memory stay. */
  async restart(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    this.#inFlight.clear();
    await this.#powerOn();
  }

  async stop(): Promise<void> {
    this.#process.stream.end();
    await this.#process.exited;
    this.#process.stream.destroy();
    await holder.end(this.#socket);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  get #socket(): string {
    return join(this.folder, 'run', 'mkm.sock');
  }

  async #powerOn(): Promise<void> {
    this.#process = await spawnDevice({
      index: 0,
      state: this.folder,
      mkmSocket: this.#socket,
      epoch: crypto.getRandomValues(new Uint8Array(16)),
      pinDelayMs: 20,
      strictVendor: true,
      log: silentLog,
    });
    const decoder = new SlipDecoder(1 << 20);
    this.#process.stream.on('error', () => {});
    this.#process.stream.on('data', (chunk: Uint8Array) => {
      decoder.push(chunk, (reply) => this.#inFlight.delete(readHeader(reply)?.client ?? -1));
      this.#line?.write(chunk);
    });
  }

  /** Directly, not on the line. */
  #call<N extends OperationName>(name: N, client: number, args: ArgsOf<N>): Promise<ResultsOf<N>> {
    return new Promise((resolve, reject) => {
      const decoder = new SlipDecoder(1 << 20);
      const onData = (chunk: Uint8Array): void =>
        decoder.push(chunk, (reply) => {
          if (readHeader(reply)?.client !== client) return;
          this.#process.stream.off('data', onData);
          try {
            resolve(decodeResults(name, reply));
          } catch (error) {
            reject(error);
          }
        });
      this.#process.stream.on('data', onData);
      this.#process.stream.write(encodeFrame(encodeRequest(name, client, args)));
    });
  }

  #watchRequest(request: Uint8Array): OperationName | undefined {
    const header = readHeader(request);
    // The Ctrl-U of the probe.
    if (!header) return undefined;
    const name = operationOf(header.code);
    if (!name || header.code > 66) this.faults.push(`function ${header.code} is none of the vendor's`);
    if (request.length > 16_384) this.faults.push(`${name} of ${request.length} bytes`);
    if (this.#inFlight.has(header.client)) this.faults.push(`${name}: client ${header.client} has a request under way`);
    this.#inFlight.add(header.client);
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight.size);
    if (this.#inFlight.size > 4) this.faults.push(`${this.#inFlight.size} requests under way`);
    if (name) this.asked.push(name);
    return name;
  }
}
