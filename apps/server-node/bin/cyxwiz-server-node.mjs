#!/usr/bin/env node
import { launch } from "../../../tools/launch.mjs";

await launch(new URL("../src/main.ts", import.meta.url));
