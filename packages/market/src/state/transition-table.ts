/**
 * A state machine as one table, and the only three things done with it: ask, move, draw.
 *
 * A table holds no data and no guards: whether an event may be raised at all (a lease that expired, a stake that was
 * topped up) is decided by who raises it. The table decides where it leads, and that everything else is refused.
 */
import { AppError } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";

/** Where every event leads from every state. An event that is not named is refused. */
export type TransitionTable<State extends string, Event extends string> = {
  readonly [S in State]: { readonly [E in Event]?: State };
};

/** What defines a machine: a name for messages, the state that new things start in, and the table. */
export interface MachineDefinition<State extends string, Event extends string> {
  readonly machine: string;
  readonly initial: State;
  readonly states: readonly State[];
  readonly events: readonly Event[];
  readonly table: TransitionTable<State, Event>;
}

/** The answer to an event: the new state, or a refusal that says what would have been allowed. */
export type Transition<State extends string, Event extends string> =
  | { readonly kind: "moved"; readonly state: State }
  | {
      readonly kind: "refused";
      readonly machine: string;
      readonly state: State;
      readonly event: Event;
      readonly allowed: readonly Event[];
    };

export interface StateMachine<State extends string, Event extends string> extends MachineDefinition<State, Event> {
  /** The state that the event leads to, or the refusal. Pure. */
  next(state: State, event: Event): Transition<State, Event>;
  /**
   * As `next`, for a caller whose logic already rules the refusal out.
   *
   * @throws AppError `market/transition-refused`, naming machine, state, event and the events that are allowed.
   */
  move(state: State, event: Event): State;
  /** The events that a state takes, in the order of `events`. */
  allowed(state: State): readonly Event[];
  /** True when no event leads to another state. */
  isFinal(state: State): boolean;
}

/** Makes a machine from its definition. */
export function stateMachine<State extends string, Event extends string>(
  definition: MachineDefinition<State, Event>,
): StateMachine<State, Event> {
  const { machine, events, table } = definition;
  const allowed = (state: State): readonly Event[] => events.filter((event) => table[state][event] !== undefined);
  const next = (state: State, event: Event): Transition<State, Event> => {
    const target = table[state][event];
    if (target !== undefined) return { kind: "moved", state: target };
    return { kind: "refused", machine, state, event, allowed: allowed(state) };
  };
  return {
    ...definition,
    next,
    move: (state, event) => {
      const result = next(state, event);
      if (result.kind === "moved") return result.state;
      throw new AppError(MARKET_ERRORS.TRANSITION_REFUSED, { machine, state, event, allowed: result.allowed });
    },
    allowed,
    isFinal: (state) => allowed(state).every((event) => table[state][event] === state),
  };
}
