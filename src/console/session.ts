/** One console connection from its first key to its end. */

import { OperatorError } from '#src/config/errors.ts';
import { ApplianceState } from '#src/wire/enumerations.ts';
import type { FleetConnection } from '#src/fleet/fleet.ts';
import type { Command, ConsoleContext, ConsoleState, ShutdownKind } from './command.ts';
import { usageLines } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { errorText } from './error-text.ts';
import { logIn } from './login.ts';
import { holdsSecret, parseCommand } from './parse-command.ts';
import { decode } from './questions.ts';
import type { ConsoleOptions } from './server.ts';
import { runStartUp } from './start-up.ts';
import { ConsoleEnded, type Terminal } from './terminal.ts';

const RULER = '-'.repeat(75);

/** Why a command is refused in a state. */
const REFUSALS: Readonly<Record<ConsoleState, string>> = {
  B: 'not possible before the set-up steps are complete: use "logout" and log in again to repeat them',
  C: 'not possible while the HSM is in operation',
  D: 'not possible while a tamper event is active',
  E: 'not possible because no device can be reached',
};

export class ConsoleSession {
  readonly #terminal: Terminal;
  readonly #options: ConsoleOptions;
  readonly #connection: FleetConnection;
  readonly #context: ConsoleContext;
  #loggedIn = false;

  constructor(terminal: Terminal, options: ConsoleOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#connection = options.fleet.openConnection('console');
    this.#context = {
      terminal,
      fleet: options.fleet,
      connection: this.#connection,
      settings: options.settings,
      identity: options.identity,
      log: options.log,
      commands: COMMANDS,
      reauthenticate: (warning) => this.#reauthenticate(warning),
      logOut: () => this.#logOut(),
      shutDown: (kind, message) => this.#shutDown(kind, message),
    };
  }

  /** Runs until the connection ends. Errors of commands are shown; nothing is thrown. */
  async run(): Promise<void> {
    try {
      await this.#converse();
    } catch (error) {
      if (error instanceof ConsoleEnded) return;
      await this.#terminal.close(`ERROR: ${errorText(error, this.#options.log)}`);
    } finally {
      await this.#connection.close().catch((error: unknown) => errorText(error, this.#options.log));
    }
  }

  async #converse(): Promise<void> {
    const { identity, fleet } = this.#options;
    // The client speaks first; the vendor's sends one line end.
    await this.#terminal.readLine({ hidden: false, history: false });
    this.#terminal.print(RULER, 'Diamond HSM', `serial number ${identity.serial}`);
    if (!fleet.unlocked) {
      const notice = 'Set-up is needed after every power-up. The HSM will not be operational until it is complete.';
      this.#terminal.print(notice, '');
    }
    let isNoticed = false;
    for (;;) {
      const canLogIn = fleet.state !== ApplianceState.NO_DEVICE;
      if (!this.#loggedIn && canLogIn) {
        await this.#enter();
      } else {
        if (!canLogIn && !isNoticed)
          this.#terminal.print('No device can be reached. Only a few commands are possible.');
        isNoticed = !canLogIn;
        await this.#readCommand();
      }
    }
  }

  async #enter(): Promise<void> {
    const { fleet, settings, log } = this.#options;
    const login = await logIn(this.#terminal, fleet, this.#connection, log);
    if (login === undefined) return;
    this.#loggedIn = true;
    if (settings.problem !== undefined) this.#terminal.print(`WARNING: ${settings.problem}`);
    if (!fleet.unlocked) {
      await this.#attempt(() => runStartUp(this.#context));
      if (!fleet.unlocked)
        this.#terminal.print(`Set-up is not complete. Commands of normal operation are ${REFUSALS.B}.`);
    }
    if (login.factoryPin) {
      this.#terminal.print(`NOTE: the factory 'wheel' PIN is still in use. Change it with: set pin wheel`);
    }
    if (fleet.state === ApplianceState.TAMPER) this.#terminal.print('WARNING: a tamper event is active.');
  }

  async #readCommand(): Promise<void> {
    const { settings, log } = this.#options;
    this.#terminal.print(settings.get('x_prompt'));
    const line = await this.#terminal.readLine({ hidden: false, history: true });
    const tokens = decode(line).split(/\s+/).filter(Boolean);
    if (tokens.length === 0) return;
    if (!holdsSecret(COMMANDS, tokens)) this.#terminal.remember(line);
    line.fill(0);

    const parsed = parseCommand(COMMANDS, tokens);
    if (parsed.kind === 'unknown') {
      this.#terminal.print('Invalid command. The commands are listed by: help');
    } else if (parsed.kind === 'usage') {
      this.#terminal.print('Usage:', ...usageLines(parsed.commands));
    } else {
      log.info(`command: ${parsed.command.words.join(' ')}`);
      await this.#attempt(() => this.#run(parsed.command, parsed.args));
    }
  }

  async #run(command: Command, args: readonly string[]): Promise<void> {
    const state = this.#state();
    if (!command.states.includes(state)) throw new OperatorError(REFUSALS[state]);
    await command.run(this.#context, args);
  }

  /** Shows the error of a step instead of ending the session. */
  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (error instanceof ConsoleEnded) throw error;
      this.#terminal.print(`ERROR: ${errorText(error, this.#options.log)}`);
    }
  }

  #state(): ConsoleState {
    const { fleet } = this.#options;
    if (!this.#loggedIn || fleet.state === ApplianceState.NO_DEVICE) return 'E';
    if (fleet.state === ApplianceState.TAMPER) return 'D';
    return fleet.unlocked ? 'C' : 'B';
  }

  async #reauthenticate(warning: string): Promise<void> {
    this.#terminal.print(
      `WARNING: ${warning}`,
      '',
      RULER,
      `This needs the 'wheel' password: please re-enter it.`,
      'If you came here by mistake, restart the console.',
      RULER,
    );
    await this.#logOut();
    const login = await logIn(this.#terminal, this.#options.fleet, this.#connection, this.#options.log);
    if (login === undefined) throw new OperatorError(REFUSALS.E);
    this.#loggedIn = true;
  }

  async #logOut(): Promise<void> {
    if (!this.#loggedIn) throw new OperatorError('nobody is logged in');
    this.#loggedIn = false;
    await this.#connection.logout();
  }

  async #shutDown(kind: ShutdownKind, message: string): Promise<void> {
    await this.#terminal.close(message);
    this.#options.shutdown(kind);
  }
}
