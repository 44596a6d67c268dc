/*
 * Frames in page tables and registers: a stream has the domain's own page numbers in their place,
 * for the frames of the domain that is made from it are others.
 */
#include "stream.h"

#define ENTRY_PRESENT 1UL
#define ENTRY_FRAME   0x000ffffffffff000UL

/* Slots of a top-level table that are the hypervisor's (HYPERVISOR_VIRT_START, public/xen.h). */
#define HYPERVISOR_FIRST 256
#define HYPERVISOR_LAST  271

uint64_t xg_p2m_pfn(const struct stream_p2m *p2m, uint64_t mfn)
{
	return mfn < p2m->max_mfn && p2m->m2p[mfn] ? p2m->m2p[mfn] - 1 : UINT64_MAX;
}

uint64_t xg_p2m_mfn(const struct stream_p2m *p2m, uint64_t pfn)
{
	return pfn < p2m->max_pfn ? p2m->mfn[pfn] : 0;
}

unsigned xg_table_level(uint32_t type)
{
	unsigned level = (type & XEN_DOMCTL_PFINFO_LTABTYPE_MASK) >> XEN_DOMCTL_PFINFO_LTAB_SHIFT;

	return level <= 4 ? level : 0;
}

bool xg_has_data(uint32_t type)
{
	return type != XEN_DOMCTL_PFINFO_BROKEN && type != XEN_DOMCTL_PFINFO_XALLOC &&
	       type != XEN_DOMCTL_PFINFO_XTAB;
}

static bool is_hypervisors(unsigned level, unsigned slot)
{
	return level == 4 && slot >= HYPERVISOR_FIRST && slot <= HYPERVISOR_LAST;
}

bool xg_table_canonical(const struct stream_p2m *p2m, unsigned level, uint64_t pfn,
	const uint64_t *table, uint64_t *copy, GError **error)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t entry = table[i], target;

		copy[i] = is_hypervisors(level, i) ? 0 : entry;
		if (!(copy[i] & ENTRY_PRESENT))
			continue;
		target = xg_p2m_pfn(p2m, (entry & ENTRY_FRAME) >> XC_PAGE_SHIFT);
		if (target == UINT64_MAX) {
			g_set_error(error, XG_ERROR, XG_ERROR_FEATURE,
				"entry %u of the page table in page %#lx maps frame %#lx, which is "
				"not the domain's",
				i, pfn, (entry & ENTRY_FRAME) >> XC_PAGE_SHIFT);
			return false;
		}
		copy[i] = (entry & ~ENTRY_FRAME) | target << XC_PAGE_SHIFT;
	}
	return true;
}

bool xg_table_is_whole(const struct stream_p2m *p2m, unsigned level, const uint64_t *table)
{
	for (unsigned i = 0; i < 512; i++)
		if ((table[i] & ENTRY_PRESENT) && !is_hypervisors(level, i) &&
			!xg_p2m_mfn(p2m, (table[i] & ENTRY_FRAME) >> XC_PAGE_SHIFT))
			return false;
	return true;
}

bool xg_table_local(
	const struct stream_p2m *p2m, unsigned level, uint64_t pfn, uint64_t *table, GError **error)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t entry = table[i], target = (entry & ENTRY_FRAME) >> XC_PAGE_SHIFT, mfn;

		if (is_hypervisors(level, i))
			table[i] = 0;
		if (!(table[i] & ENTRY_PRESENT))
			continue;
		mfn = xg_p2m_mfn(p2m, target);
		if (!mfn)
			return xg_stream_bad(error,
				"the page table in page %#lx maps page %#lx, which is not in it",
				pfn, target);
		table[i] = (entry & ~ENTRY_FRAME) | mfn << XC_PAGE_SHIFT;
	}
	return true;
}

/* ---- Registers ---- */

#define GDT_PER_FRAME 512
#define USER_TABLE    1UL /* in a stream, bit 0 tells page 0 from no table */

/* Both ways: @translate knows what stands in for a frame, @none that there is nothing. */
static bool translate_context(const struct stream_p2m *p2m, struct vcpu_guest_context *c,
	uint64_t (*translate)(const struct stream_p2m *p2m, uint64_t frame), uint64_t none)
{
	unsigned frames = (c->gdt_ents + GDT_PER_FRAME - 1) / GDT_PER_FRAME;
	uint64_t frame = translate(p2m, xen_cr3_to_pfn(c->ctrlreg[3]));

	if (frame == none || c->gdt_ents > G_N_ELEMENTS(c->gdt_frames) * GDT_PER_FRAME)
		return false;
	c->ctrlreg[3] = xen_pfn_to_cr3(frame);
	if (c->ctrlreg[1]) {
		frame = translate(p2m, xen_cr3_to_pfn(c->ctrlreg[1] & ~USER_TABLE));
		if (frame == none)
			return false;
		c->ctrlreg[1] = xen_pfn_to_cr3(frame);
	}
	for (unsigned i = 0; i < frames; i++) {
		c->gdt_frames[i] = translate(p2m, c->gdt_frames[i]);
		if (c->gdt_frames[i] == none)
			return false;
	}
	for (unsigned i = frames; i < G_N_ELEMENTS(c->gdt_frames); i++)
		c->gdt_frames[i] = 0;
	return true;
}

bool xg_context_canonical(const struct stream_p2m *p2m, unsigned vcpu,
	struct vcpu_guest_context *context, GError **error)
{
	bool user = context->ctrlreg[1];

	if (!translate_context(p2m, context, xg_p2m_pfn, UINT64_MAX)) {
		g_set_error(error, XG_ERROR, XG_ERROR_FEATURE,
			"vCPU %u uses page tables or descriptors that are not the domain's", vcpu);
		return false;
	}
	if (user)
		context->ctrlreg[1] |= USER_TABLE;
	return true;
}

bool xg_context_local(const struct stream_p2m *p2m, unsigned vcpu,
	struct vcpu_guest_context *context, GError **error)
{
	if (translate_context(p2m, context, xg_p2m_mfn, 0))
		return true;
	return xg_stream_bad(
		error, "vCPU %u uses page tables or descriptors that are not in it", vcpu);
}
