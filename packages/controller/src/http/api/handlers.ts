import type { Handlers } from '../bind.ts';
import { accessHandlers } from './access-handlers.ts';
import { deliveryHandlers } from './delivery-handlers.ts';
import { environmentHandlers } from './environment-handlers.ts';
import { installationHandlers } from './installation-handlers.ts';
import { migrationHandlers } from './migration-handlers.ts';
import { runHandlers } from './run-handlers.ts';

export const apiHandlers: Handlers = {
  ...runHandlers,
  ...environmentHandlers,
  ...migrationHandlers,
  ...deliveryHandlers,
  ...installationHandlers,
  ...accessHandlers,
};
