import { conformanceOf } from "./conformance-of.js";

conformanceOf("zookeeper", "typescript");
