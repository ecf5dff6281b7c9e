/** A scripted device behind a link: the test reads the requests and writes the replies. */

import { Duplex, type DuplexOptions } from 'node:stream';
import { silentLog } from '#src/audit/log.ts';
import { Device, type DeviceOptions, type DeviceProcess } from '#src/fleet/device.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { encodeReply, readHeader } from '#src/wire/message.ts';
import { operationOf, type OperationName } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { until } from '../processes.ts';

export interface Request {
  readonly name: OperationName | undefined;
  readonly client: number;
  readonly message: Uint8Array;
}

/** One start of the fake device. */
export class FakeRun implements DeviceProcess {
  readonly stream: Duplex;
  readonly exited: Promise<void>;
  readonly requests: Request[] = [];
  /** Chunks as the fleet wrote them. */
  readonly chunks: Uint8Array[] = [];
  killed = false;
  #exit: () => void = () => {};
  #onRequest: () => void = () => {};

  constructor(answersStatus: boolean) {
    const decoder = new SlipDecoder(1 << 20);
    const options: DuplexOptions = {
      read() {},
      write: (chunk: Uint8Array, _encoding, done) => {
        this.chunks.push(chunk);
        decoder.push(chunk, (frame) => this.#receive(frame.slice(), answersStatus));
        done();
      },
      final: (done) => {
        this.die();
        done();
      },
    };
    this.stream = new Duplex(options);
    this.exited = new Promise((resolve) => (this.#exit = resolve));
  }

  kill(): void {
    this.killed = true;
    this.die();
  }

  /** The process ends: its link closes. */
  die(): void {
    this.stream.push(null);
    this.#exit();
  }

  send(message: Uint8Array): void {
    this.stream.push(encodeFrame(message));
  }

  /** The n-th request of a function, counted from 0. */
  async request(name: OperationName, n = 0): Promise<Request> {
    for (;;) {
      const found = this.requests.filter((request) => request.name === name)[n];
      if (found) return found;
      await new Promise<void>((resolve) => (this.#onRequest = resolve));
    }
  }

  #receive(message: Uint8Array, answersStatus: boolean): void {
    const header = readHeader(message);
    if (!header) return;
    const name = operationOf(header.code);
    if (name === 'DEVICE_STATUS' && answersStatus) {
      const status = {
        ...{ masterKey: MasterKeyState.SET, tokenKeys: 0, volatileKeys: 0, logins: 0 },
        ...{ userFailures: 0, soFailures: 0, pinsSet: 0b1110 },
      };
      this.send(encodeReply('DEVICE_STATUS', header.client, status));
      return;
    }
    this.requests.push({ name, client: header.client, message });
    this.#onRequest();
  }
}

/** A device whose process is scripted by the test. */
export class FakeDevice {
  readonly device: Device;
  readonly runs: FakeRun[] = [];
  readonly log: string[] = [];
  answersStatus = true;

  constructor(options: Partial<DeviceOptions> = {}) {
    this.device = new Device({
      index: 0,
      log: { ...silentLog, warn: (message) => this.log.push(message) },
      open: () => {
        const run = new FakeRun(this.answersStatus);
        this.runs.push(run);
        return Promise.resolve(run);
      },
      resume: () => Promise.resolve(),
      onChange: () => {},
      onLost: () => {},
      ...options,
    });
  }

  get run(): FakeRun {
    return this.runs.at(-1)!;
  }

  /** Starts, or waits for the n-th start. */
  async running(n = 1): Promise<FakeRun> {
    this.device.start();
    await until(() => this.device.running && this.runs.length >= n);
    return this.run;
  }

  async stop(): Promise<void> {
    await this.device.stop();
  }
}
