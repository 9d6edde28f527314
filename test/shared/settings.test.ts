import { describe, expect, it } from 'vitest'
import { parseSettings } from '../../shared/settings.ts'

describe('settings', () => {
  it('have safe values where the variable is missing or empty', () => {
    const safe = {
      isLocal: false,
      platform: 'workerd',
      adminHosts: new Set(),
      requireIfMatch: false,
      allowPrivateEndpoints: false,
    }
    const empty = { PLATFORM: '', ADMIN_HOSTS: '', REQUIRE_IF_MATCH: '', ENVIRONMENT: '' }
    expect(parseSettings({})).toEqual({ settings: safe, warnings: [] })
    expect(parseSettings(empty)).toEqual({ settings: safe, warnings: [] })
  })

  it('are read as they are set', () => {
    const { settings, warnings } = parseSettings({
      ENVIRONMENT: 'local',
      PLATFORM: 'cloudflare',
      ADMIN_HOSTS: 'Admin.Example.com, localhost:8787 [::1]:80,router.test.',
      REQUIRE_IF_MATCH: 'true',
      ALLOW_PRIVATE_ENDPOINTS: 'true',
    })
    expect(warnings).toEqual([])
    expect(settings).toEqual({
      isLocal: true,
      platform: 'cloudflare',
      adminHosts: new Set(['admin.example.com', 'localhost', '[::1]', 'router.test']),
      requireIfMatch: true,
      allowPrivateEndpoints: true,
    })
  })

  it('fall back to the safe value and say so when a value makes no sense', () => {
    const { settings, warnings } = parseSettings({
      PLATFORM: 'aws',
      ADMIN_HOSTS: 'https://admin.example.com, fine.example.com',
      REQUIRE_IF_MATCH: 'yes',
      ALLOW_PRIVATE_ENDPOINTS: 1,
    })
    expect(settings).toMatchObject({
      platform: 'workerd',
      requireIfMatch: false,
      allowPrivateEndpoints: false,
    })
    expect(warnings).toHaveLength(4)
    expect(warnings.join()).toContain('https://admin.example.com')
    expect(settings.adminHosts).toContain('fine.example.com')
  })

  it('never open the pages on every host because a host was not understood', () => {
    for (const ADMIN_HOSTS of ['https://admin.example.com', 'büro.example.com', {}, 7])
      expect(parseSettings({ ADMIN_HOSTS }).settings.adminHosts.size).toBeGreaterThan(0)
  })

  it('are read from variables that are JSON, too', () => {
    const { settings, warnings } = parseSettings({
      ADMIN_HOSTS: ['a.example.com', 'b.example.com'],
      REQUIRE_IF_MATCH: true,
      ALLOW_PRIVATE_ENDPOINTS: false,
      PLATFORM: null,
    })
    expect(warnings).toEqual([])
    expect(settings.adminHosts).toEqual(new Set(['a.example.com', 'b.example.com']))
    expect([settings.requireIfMatch, settings.allowPrivateEndpoints]).toEqual([true, false])
  })
})
