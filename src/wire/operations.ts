/** The operation table: every function of the protocol, described once. */

import { deviceOperations } from './device-operations.ts';
import { type Operation } from './operation.ts';
import { clientOperations, mkmOperations } from './own-operations.ts';
import { vendorOperations } from './vendor-operations.ts';

export const operations = {
  ...vendorOperations,
  ...clientOperations,
  ...deviceOperations,
  ...mkmOperations,
} as const;

export type Operations = typeof operations;
export type OperationName = keyof Operations;

const byCode = new Map<number, OperationName>(
  (Object.entries(operations) as [OperationName, Operation][]).map(([name, { code }]) => [code, name]),
);

/** The name of a function code, `undefined` if it is not assigned. */
export function operationOf(code: number): OperationName | undefined {
  return byCode.get(code);
}
