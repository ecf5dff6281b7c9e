/** What the status page tells. Everything in it is public: the page has no login. */

export interface StatusReport {
  /** IPv4 address of the appliance. */
  readonly address: string;
  readonly version: string;
  readonly serial: string;
  readonly uptimeSeconds: number;
  /** Names of the wire protocol's `ApplianceState`. */
  readonly state: 'OPERATIONAL' | 'LOCKED' | 'NO_MASTER_KEY' | 'TAMPER' | 'NO_DEVICE';
  readonly devices: readonly StatusOfDevice[];
}

export interface StatusOfDevice {
  readonly index: number;
  readonly running: boolean;
  /** One of the appliance's state texts, such as "Active - Ready". */
  readonly stateText: string;
}

/** A front LED (manual section 5). */
export interface Led {
  readonly colour: 'green' | 'yellow' | 'red';
  readonly blinks: boolean;
}

export interface Leds {
  readonly power: Led;
  readonly system: Led;
  readonly tamper: Led;
}

const on = (colour: Led['colour']): Led => ({ colour, blinks: false });
const blinking = (colour: Led['colour']): Led => ({ colour, blinks: true });

/** The LEDs of manual sections 5.1.5 (ready), 5.2.1 (no device), 5.2.2 (a device missing) and 5.2.3 (tamper). */
export function ledsOf({ state, devices }: StatusReport): Leds {
  const power = on('green');
  if (state === 'TAMPER') return { power, system: blinking('red'), tamper: blinking('red') };
  const running = devices.filter((device) => device.running).length;
  if (running === 0) return { power, system: blinking('red'), tamper: on('yellow') };
  if (running < devices.length) return { power, system: blinking('yellow'), tamper: on('green') };
  return { power, system: on('green'), tamper: on('green') };
}
