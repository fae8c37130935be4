// SPDX-License-Identifier: GPL-2.0
/*
 * pykcov_mailbox: /dev/pykcov_mailbox, a driver with a seeded bug, for examples/fuzz_kernel.py to find.
 *
 * A box has slots, a slot holds a reference to a letter. A box that is full can be sealed; in a sealed box letters
 * can be copied from slot to slot and be thrown away. The bug: a copy over the last slot takes no reference, so that
 * throwing away both slots gives up one reference too many, which the kernel's own refcount_t notices.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define MAILBOX_CREATE _IO('M', 1) /* slots: 2..8 */
#define MAILBOX_POST _IO('M', 2)   /* the letter: 1..255 */
#define MAILBOX_SEAL _IO('M', 3)
#define MAILBOX_COPY _IO('M', 4) /* from << 8 | to */
#define MAILBOX_DROP _IO('M', 5) /* slot */
#define SLOTS_MAX 8

struct letter {
	refcount_t references;
	u8 text;
};

/* Letters are freed with the box, so that the bug is noticed and does no harm. */
struct box {
	struct mutex lock;
	unsigned int slots, posted;
	bool sealed;
	struct letter letters[SLOTS_MAX];
	struct letter *slot[SLOTS_MAX];
};

static long mailbox_create(struct box *box, unsigned long slots)
{
	if (box->slots)
		return -EBUSY;
	if (slots < 2 || slots > SLOTS_MAX)
		return -EINVAL;
	box->slots = slots;
	return 0;
}

static long mailbox_post(struct box *box, unsigned long text)
{
	struct letter *letter;

	if (!box->slots)
		return -ENXIO;
	if (box->sealed || box->posted == box->slots)
		return -ENOSPC;
	if (text < 1 || text > 255)
		return -EINVAL;
	letter = &box->letters[box->posted];
	refcount_set(&letter->references, 1);
	letter->text = text;
	box->slot[box->posted++] = letter;
	return box->posted;
}

static long mailbox_seal(struct box *box)
{
	if (!box->slots)
		return -ENXIO;
	if (box->posted < box->slots)
		return -EAGAIN;
	box->sealed = true;
	return 0;
}

static void put_letter(struct letter *letter)
{
	if (refcount_dec_and_test(&letter->references))
		letter->text = 0;
}

static long mailbox_copy(struct box *box, unsigned long from, unsigned long to)
{
	if (!box->sealed)
		return -ENXIO;
	if (from >= box->slots || to >= box->slots || from == to)
		return -EINVAL;
	if (!box->slot[from])
		return -ENOENT;
	if (box->slot[to])
		put_letter(box->slot[to]);
	if (to != box->slots - 1) /* the bug */
		refcount_inc(&box->slot[from]->references);
	box->slot[to] = box->slot[from];
	return 0;
}

static long mailbox_drop(struct box *box, unsigned long slot)
{
	if (!box->sealed)
		return -ENXIO;
	if (slot >= box->slots)
		return -EINVAL;
	if (!box->slot[slot])
		return -ENOENT;
	put_letter(box->slot[slot]);
	box->slot[slot] = NULL;
	return 0;
}

static long mailbox_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	struct box *box = file->private_data;
	long answer;

	mutex_lock(&box->lock);
	switch (request) {
	case MAILBOX_CREATE:
		answer = mailbox_create(box, arg);
		break;
	case MAILBOX_POST:
		answer = mailbox_post(box, arg);
		break;
	case MAILBOX_SEAL:
		answer = mailbox_seal(box);
		break;
	case MAILBOX_COPY:
		answer = mailbox_copy(box, arg >> 8, arg & 0xff);
		break;
	case MAILBOX_DROP:
		answer = mailbox_drop(box, arg);
		break;
	default:
		answer = -ENOTTY;
	}
	mutex_unlock(&box->lock);
	return answer;
}

static int mailbox_open(struct inode *inode, struct file *file)
{
	struct box *box = kzalloc(sizeof(*box), GFP_KERNEL);

	if (!box)
		return -ENOMEM;
	mutex_init(&box->lock);
	file->private_data = box;
	return 0;
}

static int mailbox_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations mailbox_operations = {
	.owner = THIS_MODULE,
	.open = mailbox_open,
	.release = mailbox_release,
	.unlocked_ioctl = mailbox_ioctl,
};

static struct miscdevice mailbox = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pykcov_mailbox",
	.fops = &mailbox_operations,
};

module_misc_device(mailbox);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A driver with a seeded bug, for fuzzers to find");
