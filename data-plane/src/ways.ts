/** How a session's commands travel: policy's lanes, the backend's connections, the tenant's prefix. */
import type { Upstream } from './command/upstream.ts';
import type { Meter } from './observe/meter.ts';
import { closedLanes, lanesFor } from './policy/lanes.ts';
import { crc16 } from './route/slot.ts';
import type { Way, WayFinder } from './session/session.ts';
import type { Protocol, RouteView, TenantView, UserView } from './state.ts';

export function wayFinder(nobody: Meter): WayFinder {
  return {
    find(user: UserView, route: RouteView, protocol: Protocol, { database, share }): Way {
      const { prefix, meter } = user.tenant;
      const { backend, readFrom } = route;
      const upstream: Upstream =
        readFrom === 'primary'
          ? backend.upstream(protocol, database)
          : backend.reading(protocol, readFrom, share);
      const shape = upstream.single !== null && prefix === null ? 'whole' : 'first-key';
      const lanes = lanesFor(shape, user.readOnly, upstream.reads !== null);
      const prefixCrc = prefix === null ? 0 : crc16(prefix, 0, prefix.length);
      const emulates = user.tenant.crossSlot === 'emulate';
      const shared = route.database !== null;
      const granted = user.passThrough && !shared && upstream.single !== null;
      return { lanes, upstream, prefix, prefixCrc, emulates, shared, granted, meter };
    },
    nowhere(tenant: TenantView | null): Way {
      const meter = tenant?.meter ?? nobody;
      const nothing = { upstream: null, prefix: null, prefixCrc: 0, emulates: false };
      return { lanes: closedLanes, ...nothing, shared: true, granted: false, meter };
    },
    diverted(way: Way): Way {
      return { ...way, lanes: closedLanes, upstream: way.upstream?.plain ?? null };
    },
  };
}
