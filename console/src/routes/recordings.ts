import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { recordingSearch } from "@/pages/recordings/filter";
import { texts, under } from "./root";

/** Recorded sessions of the engine's guard. */
export const recordings = [
  createRoute({
    getParentRoute: under,
    path: "/guard/recordings",
    loader: texts("guard", "recordings"),
    validateSearch: recordingSearch,
    component: lazyRouteComponent(() => import("@/pages/recordings/Recordings"), "Recordings"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/guard/recordings/$node/$id",
    loader: texts("recordings"),
    component: lazyRouteComponent(() => import("@/pages/recordings/Recording"), "RecordingPage"),
  }),
] as const;
