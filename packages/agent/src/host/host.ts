import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceObservation, Order } from '@holdfast/contract/agent/protocol.ts';
import { killGroup } from '../shim/shim.ts';
import { HostedInstance, type InstanceWorld } from './instance.ts';

const UNKNOWN_GRACE_MS = 30_000;

/**
 * The host role: makes this machine have exactly the instances that the controllers order. Orders
 * are complete, so an instance that is not among them is stopped; without any controller, all
 * goes on as it is.
 */
export class Host {
  private readonly world: InstanceWorld;
  private readonly instances = new Map<string, HostedInstance>();
  private readonly told = new Set<string>();
  /** Told to end, once: to many servers a second SIGTERM means at once. */
  private readonly unknown = new Set<string>();

  constructor(world: InstanceWorld) {
    this.world = world;
    mkdirSync(world.root, { recursive: true, mode: 0o711 });
  }

  obey(orders: readonly Order[]): void {
    const wanted = new Set(orders.map((order) => order.id));
    for (const order of orders) {
      const known = this.instances.get(order.id);
      if (known) known.follow(order);
      else if (order.desired !== 'stop' || HostedInstance.isLeftRunning(this.world.root, order.id))
        this.begin(order);
      else this.reportGone(order);
    }
    for (const [id, instance] of this.instances) {
      if (wanted.has(id)) continue;
      if (instance.isOver) void this.drop(id, instance);
      else void instance.stop();
    }
    this.stopUnknown(wanted);
  }

  /** Nothing that was ordered here is left, and nothing that was not is being ended. */
  get isEmpty(): boolean {
    return this.instances.size === 0 && this.unknown.size === 0;
  }

  observations(): readonly InstanceObservation[] {
    return [...this.instances.values()].map((instance) => instance.observation());
  }

  private begin(order: Order): void {
    const instance = new HostedInstance(this.world, order);
    this.instances.set(order.id, instance);
    void instance.live();
    if (order.desired === 'stop') void instance.stop();
  }

  /** Told to stop what never came up here: begin and end it at once, so that it is reported. */
  private reportGone(order: Order): void {
    if (this.told.has(order.id)) return;
    this.told.add(order.id);
    this.begin(order);
  }

  private async drop(id: string, instance: HostedInstance): Promise<void> {
    this.instances.delete(id);
    await instance.forget();
  }

  /** Left by an earlier life of this agent and no longer ordered. */
  private stopUnknown(wanted: ReadonlySet<string>): void {
    for (const id of readdirSync(this.world.root)) {
      if (wanted.has(id) || this.instances.has(id) || !HostedInstance.isLeftRunning(this.world.root, id))
        continue;
      if (this.unknown.has(id)) continue;
      this.unknown.add(id);
      killGroup(join(this.world.root, id, 'shim'), 'SIGTERM');
      setTimeout(() => {
        killGroup(join(this.world.root, id, 'shim'), 'SIGKILL');
        this.unknown.delete(id);
      }, UNKNOWN_GRACE_MS).unref();
    }
  }
}
