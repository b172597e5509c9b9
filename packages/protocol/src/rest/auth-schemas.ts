import { z } from "zod";
import { textSchema, timeSchema, uuidSchema } from "./shared-schemas.ts";

const emailSchema = z.email().max(254).describe("E-mail address");
const passwordSchema = z.string().min(10, "a password has at least 10 characters").max(200);

export const registerRequestSchema = z.object({
  email: emailSchema,
  password: passwordSchema,
  username: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{2,31}$/, "3 to 32 letters, digits, _ or -, starting with a letter or digit")
    .optional(),
  name: textSchema(80).min(1).optional().describe("Name shown to others; the e-mail address never is"),
});
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

export const loginRequestSchema = z
  .object({
    email: textSchema(254).min(1).optional(),
    username: textSchema(32).min(1).optional(),
    password: z.string().min(1).max(200),
  })
  .refine((body) => body.email !== undefined || body.username !== undefined, {
    message: "send email or username",
    path: ["email"],
  });
export type LoginRequest = z.infer<typeof loginRequestSchema>;

export const userSchema = z.object({
  id: uuidSchema,
  email: z.string(),
  username: z.string(),
  name: z.string(),
  role: z.enum(["user", "admin"]),
  wallet_address: z.string().nullable().describe("Linked Solana wallet"),
  created_at: timeSchema,
});
export type User = z.infer<typeof userSchema>;

export const sessionSchema = z.object({
  token: z.string().describe("Bearer token, valid for 24 hours"),
  token_expires_at: timeSchema,
  user: userSchema,
});
export type Session = z.infer<typeof sessionSchema>;
