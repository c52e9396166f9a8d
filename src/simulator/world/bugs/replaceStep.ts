import type { NodeEffect, NodeInput } from '../../../node/nodeEffect.ts'
import type { BuggyMachine } from './plantedBug.ts'

/** What a machine does with inputs. */
export type Step = (inputs: readonly NodeInput[]) => NodeEffect[]

/** Replaces a machine's step by one that works with the right one. */
export function replaceStep({ machine }: BuggyMachine, make: (step: Step) => Step): void {
  machine.step = make(machine.step.bind(machine))
}

/** Has each input stepped alone, with something wrong around it. */
export function stepAlone(
  around: (input: NodeInput, step: () => NodeEffect[]) => NodeEffect[],
): (step: Step) => Step {
  return (step) => (inputs) => inputs.flatMap((input) => around(input, () => step([input])))
}
