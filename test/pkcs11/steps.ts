/** The program `steps`, which makes calls one after the other, and an appliance of its own for each test. */

import { afterEach, before, beforeEach } from 'node:test';

import { FakeAppliance } from './fake-appliance.ts';
import { buildProgram, Configuration, MODULE, type Result, run, type Running, start } from './programs.ts';

interface Scene {
  readonly program: string;
  readonly appliance: FakeAppliance;
  readonly configuration: Configuration;
}

interface Steps {
  /** Makes these calls. */
  readonly steps: (...names: string[]) => Promise<Result>;
  /** Begins to make them. */
  readonly begin: (...names: string[]) => Running;
}

/** @param ready is given what each test of the suite has */
export function stepsForEach(ready: (scene: Scene) => void): Steps {
  let program: string;
  let appliance: FakeAppliance;
  let configuration: Configuration;

  before(() => {
    program = buildProgram('steps');
  });

  beforeEach(async () => {
    appliance = await FakeAppliance.start();
    configuration = new Configuration(appliance.port, { fingerprint: appliance.fingerprint });
    ready({ program, appliance, configuration });
  });

  afterEach(async () => {
    configuration.remove();
    await appliance.stop();
  });

  return {
    steps: (...names) => run(program, [MODULE, ...names], { configuration }),
    begin: (...names) => start(program, [MODULE, ...names], { configuration }),
  };
}
