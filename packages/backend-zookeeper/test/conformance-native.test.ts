import { conformanceOf } from "./conformance-of.js";

conformanceOf("zookeeper-native", "native");
