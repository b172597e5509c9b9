#!/usr/bin/env node
import { launch } from "../../../tools/launch.mjs";

launch(new URL("../src/main.ts", import.meta.url));
