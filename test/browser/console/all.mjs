// All capabilities of the console: each has pages; first, flows, late and last are what is
// done on them.
import audit from "./audit.mjs";
import directory from "./directory.mjs";
import events from "./events.mjs";
import findings from "./findings.mjs";
import guard from "./guard.mjs";
import keyboard from "./keyboard.mjs";
import nodes from "./nodes.mjs";
import objects from "./objects.mjs";
import policies from "./policies.mjs";
import recordings from "./recordings.mjs";
import report from "./report.mjs";
import requirements from "./requirements.mjs";
import whole from "./whole.mjs";
import zone from "./zone.mjs";

export const capabilities = { requirements, nodes, objects, findings, events, policies, guard, audit, directory, recordings, report, keyboard, zone, whole };
