/**
 * One device: its process, its link, its requests.
 *
 *            open                 DEVICE_STATUS answered          logins restored
 *   ABSENT ────────► STARTING ─────────────────────► RESUMING ─────────────────► RUNNING
 *     ▲                  │                               │                          │
 *     └──────────────────┴── link lost, or no answer ────┴──────────────────────────┘
 *        (again at once, then after 100 ms doubling to 5 s)              any ──stop──► STOPPED
 */

import { type Duplex } from 'node:stream';
import { type Log } from '#src/audit/log.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { Bug, HalError } from '#src/wire/status.ts';
import { DeviceLink } from './device-link.ts';
import { DeviceRequests, type Done, type RequestOptions } from './device-requests.ts';

/** A running device process; tests put a fake device behind the stream. */
export interface DeviceProcess {
  readonly stream: Duplex;
  kill(): void;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
}

/** Times in milliseconds. */
export interface DeviceTimes {
  /** A device that says nothing for so long, asked or not, hangs. */
  readonly silence: number;
  /** How long requests wait for a device to come back. */
  readonly absence: number;
  readonly firstBackoff: number;
  readonly longestBackoff: number;
}

const DEFAULT_TIMES: DeviceTimes = { silence: 15_000, absence: 20_000, firstBackoff: 100, longestBackoff: 5000 };
/** A device that ran for so long gets a fresh start without waiting. */
const STABLE = 10_000;
/** Factor on time limits while the device generates keys, which occupies its threads, or still answers other requests. */
const BUSY_PATIENCE = 6;
/** A device that answered real requests within this time is slow, not stuck. */
const WORKING = 5000;
const STATUS_LIMIT = 600_000;

const UNKNOWN_STATUS: ResultsOf<'DEVICE_STATUS'> = {
  masterKey: MasterKeyState.NOT_SET,
  tokenKeys: 0,
  volatileKeys: 0,
  logins: 0,
  userFailures: 0,
  soFailures: 0,
  pinsSet: 0,
};

export interface DeviceOptions {
  readonly index: number;
  readonly log: Log;
  /** Not a process of ours, see `Board` of the fleet's options. */
  readonly isBoard?: boolean;
  open(): Promise<DeviceProcess>;
  /** Restores the logins of the connections; requests that waited follow after it. */
  resume(device: Device): Promise<void>;
  /** The device went away or came back, or its status changed. */
  onChange(device: Device): void;
  /** The device lost its memory: session keys are gone. */
  onLost(device: Device): void;
  readonly times?: Partial<DeviceTimes>;
}

export type DeviceState = 'absent' | 'starting' | 'resuming' | 'running' | 'stopped';

export class Device {
  readonly index: number;
  readonly isBoard: boolean;
  readonly #options: DeviceOptions;
  readonly #times: DeviceTimes;
  readonly #requests = new DeviceRequests();
  #state: DeviceState = 'absent';
  #process: DeviceProcess | undefined;
  #backoff = 0;
  /** Why it could not be started the last time. */
  #problem = '';
  #retry: NodeJS.Timeout | undefined;
  /** When the device was lost. */
  #absentSince = Date.now();
  #runningSince = 0;
  /** When the device last said anything, as seen by {@link tick}. */
  #heardAt = 0;
  #heard = false;
  /** The same for answers to anything but status requests. */
  #workedAt = 0;
  #worked = false;
  #status: ResultsOf<'DEVICE_STATUS'> = UNKNOWN_STATUS;
  #statusAsked = false;

  constructor(options: DeviceOptions) {
    this.index = options.index;
    this.isBoard = options.isBoard ?? false;
    this.#options = options;
    this.#times = { ...DEFAULT_TIMES, ...options.times };
  }

  get state(): DeviceState {
    return this.#state;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** Running, or gone for so short a time that requests may wait for it. */
  get expected(): boolean {
    return this.running || (this.#state !== 'stopped' && Date.now() - this.#absentSince < this.#times.absence);
  }

  /** It has told its status. */
  get isKnown(): boolean {
    return this.#status !== UNKNOWN_STATUS;
  }

  get outstanding(): number {
    return this.#requests.outstanding;
  }

  get generating(): boolean {
    return this.#requests.generations > 0;
  }

  /** The status the device told last. */
  get status(): ResultsOf<'DEVICE_STATUS'> {
    return this.#status;
  }

  start(): void {
    if (this.#state !== 'absent') return;
    this.#state = 'starting';
    this.#heardAt = Date.now();
    this.#options.open().then(
      (process) => this.#opened(process),
      (error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        // A board may be away for days.
        if (problem !== this.#problem) this.#options.log.error(`device ${this.index}: ${problem}`);
        this.#problem = problem;
        if (this.#state === 'starting') this.#startLater();
      },
    );
  }

  #opened(process: DeviceProcess): void {
    if (this.#state !== 'starting') {
      // Nobody listens on the stream: its last error must not end the appliance.
      process.stream.on('error', () => {}).destroy();
      process.kill();
      return;
    }
    this.#process = process;
    this.#problem = '';
    const link = new DeviceLink(process.stream, {
      onMessage: (message) => {
        this.#heard = true;
        if (this.#requests.receive(message) !== 'DEVICE_STATUS') this.#worked = true;
      },
      onClose: () => {
        if (this.#process === process) this.#lost('its link ended');
      },
    });
    this.#requests.attach(link);
    // Its reply tells that the device is ready.
    this.#askStatus(() => {
      if (this.#process !== process || this.#state !== 'starting') return;
      this.#state = 'resuming';
      void this.#options.resume(this).then(() => {
        if (this.#process === process && this.#state === 'resuming') this.#run();
      });
    });
  }

  /** Sends a request; it waits for a device that is coming back. */
  request<N extends OperationName>(name: N, args: ArgsOf<N>, options: RequestOptions, done: Done<N>): void {
    if (!this.expected && !options.early) {
      done(new HalError('IO_TIMEOUT', `device ${this.index} is out of service`), undefined);
      return;
    }
    this.#requests.submit(name, args, options, done);
  }

  call<N extends OperationName>(name: N, args: ArgsOf<N>, options: RequestOptions): Promise<ResultsOf<N>> {
    return new Promise((resolve, reject) => {
      this.request(name, args, options, (error, results) => {
        if (results === undefined) reject(error ?? new Bug('a reply without results'));
        else resolve(results);
      });
    });
  }

  /** Asks for a fresh status. */
  async refreshStatus(): Promise<ResultsOf<'DEVICE_STATUS'>> {
    this.#setStatus(await this.call('DEVICE_STATUS', {}, { limit: STATUS_LIMIT, repeat: true }));
    return this.#status;
  }

  /** Looks after time limits; called about once a second. */
  tick(now: number, poll: boolean): void {
    if (this.#heard) this.#heardAt = now;
    if (this.#worked) this.#workedAt = now;
    this.#heard = false;
    this.#worked = false;
    if (this.#state === 'absent' || this.#state === 'stopped') {
      this.#requests.failOlderThan(this.#times.absence);
      return;
    }
    if (this.outstanding > 0 && now - this.#heardAt > this.#times.silence) {
      this.#fail('it does not answer');
      return;
    }
    const busy = this.generating || now - this.#workedAt < WORKING;
    if (this.#requests.expire(now, busy ? BUSY_PATIENCE : 1)) {
      this.#fail('a request was not answered in time');
      return;
    }
    if (this.running && (poll || this.outstanding > 0)) this.#askStatus(() => {});
  }

  /** Ends the device: closing its link makes it exit. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#retry);
    this.#requests.detach();
    this.#requests.failOlderThan(0);
    const process = this.#process;
    if (!process) return;
    process.stream.end();
    const deadline = setTimeout(() => process.kill(), 2000);
    await process.exited;
    clearTimeout(deadline);
    process.stream.destroy();
  }

  #run(): void {
    this.#state = 'running';
    this.#runningSince = Date.now();
    this.#requests.run();
    this.#options.onChange(this);
  }

  #askStatus(then: () => void): void {
    if (this.#statusAsked) return;
    this.#statusAsked = true;
    this.#requests.submit('DEVICE_STATUS', {}, { limit: STATUS_LIMIT, early: true }, (_error, status) => {
      this.#statusAsked = false;
      if (!status) return;
      this.#setStatus(status);
      then();
    });
  }

  #setStatus(status: ResultsOf<'DEVICE_STATUS'>): void {
    const old = this.#status;
    this.#status = status;
    if (old.masterKey !== status.masterKey || old.tokenKeys !== status.tokenKeys) this.#options.onChange(this);
  }

  #fail(reason: string): void {
    const process = this.#process;
    this.#lost(reason);
    process?.kill();
  }

  #lost(reason: string): void {
    const process = this.#process;
    if (!process || this.#state === 'stopped') return;
    const now = Date.now();
    this.#options.log.warn(`device ${this.index} is restarted: ${reason}`);
    if (this.#state === 'running') {
      this.#absentSince = now;
      if (now - this.#runningSince > STABLE) this.#backoff = 0;
    }
    this.#process = undefined;
    this.#state = 'absent';
    process.stream.destroy();
    this.#requests.detach();
    this.#options.onLost(this);
    this.#options.onChange(this);
    // Two processes cannot have one key store open: the old one must be gone.
    const deadline = setTimeout(() => process.kill(), 2000);
    void process.exited.then(() => {
      clearTimeout(deadline);
      if (this.#state === 'absent') this.#startLater();
    });
  }

  /** At once the first time, then with growing pauses. */
  #startLater(): void {
    this.#state = 'absent';
    const delay = this.#backoff;
    this.#backoff = Math.min(Math.max(2 * delay, this.#times.firstBackoff), this.#times.longestBackoff);
    this.#retry = setTimeout(() => this.start(), delay);
  }
}
