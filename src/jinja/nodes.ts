// The syntax tree of a Jinja template, named as jinja2 names its nodes. Knows nothing of how it is read or rendered.

/** Every node knows its line in the template, from 1. */
interface At {
  readonly line: number;
}

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  /** `*list` and `**mapping`; null where the call has none. */
  readonly list: Expression | null;
  readonly mapping: Expression | null;
}

export type Operator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export type Expression = At &
  (
    | {
        readonly kind: 'constant';
        readonly value: string | number | boolean | null;
        readonly float?: boolean;
      }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
    | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
    | { readonly kind: 'attribute'; readonly of: Expression; readonly name: string }
    | { readonly kind: 'item'; readonly of: Expression; readonly key: Expression }
    | { readonly kind: 'slice'; readonly bounds: readonly (Expression | null)[]; readonly of: Expression }
    | { readonly kind: 'call'; readonly callee: Expression; readonly args: Arguments }
    | {
        readonly kind: 'filter';
        readonly of: Expression | null;
        readonly name: string;
        readonly args: Arguments;
      }
    | { readonly kind: 'test'; readonly of: Expression; readonly name: string; readonly args: Arguments }
    | { readonly kind: 'not' | 'negative' | 'positive'; readonly of: Expression }
    | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
    | {
        readonly kind: 'binary';
        readonly operator: Operator;
        readonly left: Expression;
        readonly right: Expression;
      }
    | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
    | {
        readonly kind: 'compare';
        readonly first: Expression;
        readonly rest: readonly (readonly [Comparison, Expression])[];
      }
    | {
        readonly kind: 'condition';
        readonly test: Expression;
        readonly then: Expression;
        readonly otherwise: Expression | null;
      }
  );

/** What can be assigned to: a name, a namespace's attribute, or several of these. */
export type Target = At &
  (
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'attribute'; readonly namespace: string; readonly name: string }
    | { readonly kind: 'targets'; readonly items: readonly Target[] }
  );

export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | null;
}

export type Body = readonly Statement[];

export type Statement = At &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'output'; readonly value: Expression }
    | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
    | {
        readonly kind: 'set-block';
        readonly target: Target;
        readonly filter: Expression | null;
        readonly body: Body;
      }
    | {
        readonly kind: 'if';
        readonly branches: readonly { readonly test: Expression; readonly body: Body }[];
        readonly otherwise: Body;
      }
    | {
        readonly kind: 'for';
        readonly target: Target;
        readonly over: Expression;
        readonly test: Expression | null;
        readonly recursive: boolean;
        readonly body: Body;
        readonly otherwise: Body;
      }
    | { readonly kind: 'break' | 'continue' }
    | {
        readonly kind: 'macro';
        readonly name: string;
        readonly parameters: readonly Parameter[];
        readonly body: Body;
      }
    | {
        readonly kind: 'call-block';
        readonly call: Expression;
        readonly parameters: readonly Parameter[];
        readonly body: Body;
      }
    | { readonly kind: 'filter-block'; readonly filter: Expression; readonly body: Body }
    | {
        readonly kind: 'with';
        readonly targets: readonly (readonly [Target, Expression])[];
        readonly body: Body;
      }
    | { readonly kind: 'scope'; readonly body: Body }
  );
