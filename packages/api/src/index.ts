export { ConclaveError, type ErrorCode, type Outcome } from "./errors.js";
