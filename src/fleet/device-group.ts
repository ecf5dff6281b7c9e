/** All devices of the appliance: started, watched and stopped together. */

import { Device, type DeviceOptions, type DeviceProcess } from './device.ts';
import { type Board, type FleetOptions } from './fleet-options.ts';

/** How long the start waits for all devices, in milliseconds; the missing ones are restarted in the background. */
const START_PATIENCE = 10_000;
const TICK = 1000;
/** Status of idle devices is asked every so many ticks. */
const POLL_TICKS = 5;

export interface DeviceGroupEvents extends Pick<DeviceOptions, 'resume' | 'onChange' | 'onLost'> {
  open(index: number): Promise<DeviceProcess>;
}

export class DeviceGroup {
  readonly devices: readonly Device[];
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #onRunning: (() => void) | undefined;

  constructor({ devices, boards = [], log, times = {} }: FleetOptions, events: DeviceGroupEvents) {
    const create = (index: number, board?: Board): Device =>
      new Device({
        index,
        log,
        times,
        isBoard: board !== undefined,
        open: () => board?.open() ?? events.open(index),
        resume: events.resume,
        onLost: events.onLost,
        onChange: (device) => {
          if (this.devices.every(({ running }) => running)) this.#onRunning?.();
          events.onChange(device);
        },
      });
    this.devices = [
      ...Array.from({ length: devices }, (_, index) => create(index)),
      ...boards.map((board, i) => create(devices + i, board)),
    ];
  }

  /** Resolves when all devices answer, or after ten seconds with those that do. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), TICK).unref();
    if (this.devices.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = setTimeout(resolve, START_PATIENCE);
    this.#onRunning = resolve;
    for (const device of this.devices) device.start();
    await promise;
    clearTimeout(patience);
    this.#onRunning = undefined;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#onRunning?.();
    await Promise.all(this.devices.map((device) => device.stop()));
  }

  #tick(): void {
    const now = Date.now();
    const poll = this.#ticks++ % POLL_TICKS === 0;
    for (const device of this.devices) device.tick(now, poll);
  }
}
