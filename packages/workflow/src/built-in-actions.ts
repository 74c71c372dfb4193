/**
 * Actions that Holdfast runs itself, with the inputs it knows. An input that is not listed is
 * refused when the run is created.
 */
export interface BuiltInAction {
  readonly lane: 'agent' | 'controller';
  readonly inputs: readonly string[];
  readonly required: readonly string[];
}

export const BUILT_IN_ACTIONS: { readonly [name: string]: BuiltInAction } = {
  'actions/checkout': {
    lane: 'agent',
    inputs: ['fetch-depth', 'path', 'clean', 'persist-credentials', 'fetch-tags', 'show-progress'],
    required: [],
  },
  'holdfast/publish': {
    lane: 'agent',
    inputs: ['name', 'path'],
    required: ['name', 'path'],
  },
  'holdfast/deploy': {
    lane: 'controller',
    inputs: ['environment', 'artifact'],
    required: ['environment', 'artifact'],
  },
};

export function builtInAction(uses: string): BuiltInAction | undefined {
  return BUILT_IN_ACTIONS[actionName(uses)];
}

/** `actions/checkout@v4` → `actions/checkout`. */
export function actionName(uses: string): string {
  return uses.split('@')[0] ?? uses;
}
